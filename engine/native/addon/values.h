// Converts values of the core to JavaScript.
#pragma once
#include "../core/decode.h"
#include "../core/memory.h"
#include <napi.h>

// Converts untrusted bytes, such as a model file's, to a string; invalid UTF-8 becomes U+FFFD.
Napi::String toJsText(Napi::Env env, const std::string & bytes);
Napi::Array toJs(Napi::Env env, const std::vector<TokenRecord> & tokens);
// Returns an array of NativeMemory (types.ts), one per device.
Napi::Array toJs(Napi::Env env, const std::vector<DeviceMemory> & devices);
Napi::Object toJs(Napi::Env env, const DecodeReport & report);
