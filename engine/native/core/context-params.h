// Validates context parameters and converts them to llama.cpp's.
#pragma once
#include "context.h"
#include "llama.h"

// Errors: out-of-range.
ggml_type kvTypeOf(const std::string & name);

// Returns the number of threads to compute on; `asked` 0: the default. Errors: out-of-range.
int32_t threadsOf(const Model & model, int32_t asked);

// Returns all parameters except the threads. Errors: bad-combination, out-of-range.
llama_context_params llamaContextParams(const ContextParams & params);
// Returns all parameters. Errors: bad-combination, out-of-range.
llama_context_params llamaContextParams(const Model & model, const ContextParams & params);
