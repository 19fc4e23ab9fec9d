#include "devices-js.h"
#include "../core/devices.h"
#include "../core/workers.h"
#include "args.h"
#include "environment.h"
#include "js-errors.h"

namespace {

Napi::Value loadBackend(const Napi::CallbackInfo & info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
        return Napi::Boolean::New(info.Env(), devices::loadBackend(args::path(info[0], "path")));
    });
}

Napi::Value backendScore(const Napi::CallbackInfo & info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
        return Napi::Number::New(info.Env(), devices::backendScore(args::path(info[0], "path")));
    });
}

Napi::Value list(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        Napi::Array all = Napi::Array::New(env);
        for (const Device & device : devices::list()) {
            Napi::Object o = Napi::Object::New(env);
            o.Set("name", device.name);
            o.Set("description", device.description);
            o.Set("type", device.type);
            o.Set("backend", device.backend);
            o.Set("memoryFree", (double) device.memoryFree);
            o.Set("memoryTotal", (double) device.memoryTotal);
            all.Set(all.Length(), o);
        }
        return all;
    });
}

Napi::Value tryDevice(const Napi::CallbackInfo & info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
        return Napi::Boolean::New(info.Env(), devices::computes(args::text(info[0], "name")));
    });
}

// On the thread that loads models, since it waits for the network.
Napi::Value addWorker(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const std::string name = args::text(info[0], "name"),
                          endpoint = args::path(info[1], "endpoint");
        return loaderOf(env)->run(env, [=]() -> Worker::MakeValue {
            return [names = workers::add(name, endpoint)](Napi::Env env) -> Napi::Value {
                Napi::Array all = Napi::Array::New(env);
                for (const std::string & one : names) all.Set(all.Length(), one);
                return all;
            };
        });
    });
}

Napi::Value releaseWorker(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const std::string name = args::text(info[0], "name");
        return loaderOf(env)->run(env, [=]() -> Worker::MakeValue {
            workers::release(name);
            return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
        });
    });
}

} // namespace

void exportDevices(Napi::Env env, Napi::Object exports) {
    exports.Set("loadBackend", Napi::Function::New(env, loadBackend));
    exports.Set("backendScore", Napi::Function::New(env, backendScore));
    exports.Set("devices", Napi::Function::New(env, list));
    exports.Set("tryDevice", Napi::Function::New(env, tryDevice));
    exports.Set("addWorker", Napi::Function::New(env, addWorker));
    exports.Set("releaseWorker", Napi::Function::New(env, releaseWorker));
}
