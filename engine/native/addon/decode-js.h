#pragma once
#include "../core/loop.h"
#include <napi.h>

// Reads the options of a decode, starts it and returns its JavaScript handle (NativeDecode). Raising `operations`
// cancels the decode.
Napi::Value startDecode(Napi::Env env, const std::shared_ptr<Loop> & loop,
                        const std::shared_ptr<const StopFlag> & operations,
                        const Napi::Object & options);
