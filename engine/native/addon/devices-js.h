// ggml's backends and their devices; engine/native/types.ts describes the functions.
#pragma once
#include <napi.h>

namespace devices {
void init(Napi::Env env, Napi::Object exports);
}
