// A form whose values are read by their types before the handler is called: what is wrong with them is one refusal that names each.
import type { Handler } from "portico";
import { t, typed } from "portico/handlers";

const person = {
  name: t.string.min(1).max(40),
  born: t.integer.min(1900).max(new Date().getFullYear()),
  colour: t.oneOf("red", "green", "blue").anyCase(),
  towns: t.listOf(t.string).split(",").max(5).default([]),
};

export const greet: Handler = typed(person, ({ name, born, colour, towns }) => ({
  greeting: `Hello, ${name}! You are ${new Date().getFullYear() - born} this year.`,
  types: { name: typeof name, born: typeof born, colour, towns },
}));
