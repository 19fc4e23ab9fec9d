// What a context is made with, checked and in llama.cpp's terms.
#pragma once
#include "context.h"
#include "llama.h"

// Errors: bad-combination, out-of-range.
llama_context_params llamaContextParams(const Model & model, const ContextParams & params);
