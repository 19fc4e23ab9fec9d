#pragma once
#include <napi.h>

// Exports loadBackend, backendScore, devices and tryDevice of engine/native/types.ts.
void exportDevices(Napi::Env env, Napi::Object exports);
