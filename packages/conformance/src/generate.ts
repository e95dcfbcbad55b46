import { ensureContract } from "./contract.ts";
import { requirePrograms } from "./go-tool.ts";

requirePrograms("conformance contract", "go", "buf");
ensureContract();
