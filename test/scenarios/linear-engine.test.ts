// Nothing that a peer sends is looked at in more than linear time: the engine.
import { ENGINE } from "./linear-engine.ts";
import { provesLinear } from "./linear-proof.ts";

provesLinear(ENGINE);
