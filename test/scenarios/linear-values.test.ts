// Nothing that a peer sends is looked at in more than linear time: what content/ makes of headers and bodies.
import { provesLinear } from "./linear-proof.ts";
import { READERS } from "./linear-values.ts";

provesLinear(READERS);
