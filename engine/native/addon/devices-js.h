#pragma once
#include <napi.h>

// Exports loadBackend, backendScore, devices, tryDevice, addWorker and releaseWorker of engine/native/types.ts.
void exportDevices(Napi::Env env, Napi::Object exports);
