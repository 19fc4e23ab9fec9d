// Values of the core as JavaScript's.
#pragma once
#include "../core/decode.h"
#include <napi.h>

// Bytes of anybody's making, such as a model file's: what is not UTF-8 becomes U+FFFD.
Napi::String toJsText(Napi::Env env, const std::string & bytes);
Napi::Array toJs(Napi::Env env, const std::vector<TokenRecord> & tokens);
Napi::Object toJs(Napi::Env env, const DecodeReport & report);
