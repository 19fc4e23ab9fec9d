// The decode loop: one batch a step over all live streams; JavaScript is told in batches and never waited for.
#pragma once
#include "context.h"

Napi::Value startDecode(Napi::Env env, const std::shared_ptr<ContextState> & context, const Napi::Object & options);
