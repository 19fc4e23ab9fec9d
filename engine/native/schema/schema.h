// JSON schemas as grammars of llama.cpp.
#pragma once
#include <string>

// Returns the grammar (GBNF) of a JSON schema; its start is `root`. The schema must be one that
// engine/protocol/schema.ts wrote: without references, and bounded. Errors: std::exception that says what is wrong.
std::string schemaGrammar(const std::string & schema);
