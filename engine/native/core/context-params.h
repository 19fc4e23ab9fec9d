// What a context is made with, checked and in llama.cpp's terms.
#pragma once
#include "context.h"
#include "llama.h"

// Errors: out-of-range.
ggml_type kvTypeOf(const std::string & name);

// All but the threads. Errors: bad-combination, out-of-range.
llama_context_params llamaContextParams(const ContextParams & params);
// Errors: bad-combination, out-of-range.
llama_context_params llamaContextParams(const Model & model, const ContextParams & params);
