// Values of the core as JavaScript's.
#pragma once
#include "../core/decode.h"
#include "../core/memory.h"
#include <napi.h>

// Bytes of anybody's making, such as a model file's: what is not UTF-8 becomes U+FFFD.
Napi::String toJsText(Napi::Env env, const std::string & bytes);
Napi::Array toJs(Napi::Env env, const std::vector<TokenRecord> & tokens);
// As NativeMemory of types.ts, one per device.
Napi::Array toJs(Napi::Env env, const std::vector<DeviceMemory> & devices);
Napi::Object toJs(Napi::Env env, const DecodeReport & report);
