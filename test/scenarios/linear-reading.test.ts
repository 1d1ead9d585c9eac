// Nothing that a peer sends is looked at in more than linear time: the engine, and what content/ makes of headers and bodies.
import { ENGINE } from "./linear-engine.ts";
import { provesLinear } from "./linear-proof.ts";
import { READERS } from "./linear-values.ts";

provesLinear([...ENGINE, ...READERS]);
