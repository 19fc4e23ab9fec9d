// Validates context parameters and converts them to llama.cpp's.
#pragma once
#include "context.h"
#include "llama.h"

// Errors: out-of-range.
ggml_type kvTypeOf(const std::string & name);

// Returns all parameters except the threads. Errors: bad-combination, out-of-range.
llama_context_params llamaContextParams(const ContextParams & params);
// Returns all parameters. Errors: bad-combination, out-of-range.
llama_context_params llamaContextParams(const Model & model, const ContextParams & params);
