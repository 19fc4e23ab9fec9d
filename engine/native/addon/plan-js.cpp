// Plans as JavaScript sees them: how one is opened, and its methods. All work is done on a thread of its own.
#include "plan-js.h"
#include "../src/args.h"
#include "../src/context.h"
#include "../src/model.h"

Napi::Array toJs(Napi::Env env, const std::vector<DeviceMemory> & devices) {
    Napi::Array list = Napi::Array::New(env, devices.size());
    for (uint32_t i = 0; i < devices.size(); i++) {
        const DeviceMemory & from = devices[i];
        Napi::Object o = Napi::Object::New(env);
        o.Set("device", from.device);
        o.Set("weights", (double) from.weights);
        o.Set("repacked", (double) from.repacked);
        o.Set("kv", (double) from.kv);
        o.Set("compute", (double) from.compute);
        list.Set(i, o);
    }
    return list;
}

Napi::Value openPlan(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const Napi::Object options = args::object(info, 0);
        const std::string path = pathArg(options), device = args::text(options, "device");
        const int32_t gpuLayers = (int32_t) args::whole(options, "gpuLayers", -1, 65536);
        return runOnWorker(
            env,
            [path, device, gpuLayers] {
                ggml_backend_dev_t devices[2];
                auto plan = std::make_shared<Plan>(path, modelParams(device, gpuLayers, devices));
                return [plan](Napi::Env) -> Napi::Value { return PlanWrap::wrap(plan); };
            },
            Lane::plan);
    });
}

static Napi::FunctionReference * planClass() {
    static auto * reference = new Napi::FunctionReference; // outlives static destruction
    return reference;
}

void PlanWrap::init(Napi::Env env) {
    *planClass() =
        Napi::Persistent(DefineClass(env, "NativePlan",
                                     {
                                         InstanceAccessor<&PlanWrap::mapped>("mapped"),
                                         InstanceMethod<&PlanWrap::mostCells>("mostCells"),
                                         InstanceMethod<&PlanWrap::measure>("measure"),
                                         InstanceMethod<&PlanWrap::close>("close"),
                                     }));
}

Napi::Object PlanWrap::wrap(std::shared_ptr<Plan> plan) {
    const Napi::Object object = planClass()->New({});
    Unwrap(object)->plan = std::move(plan);
    return object;
}

const std::shared_ptr<Plan> & PlanWrap::open() const {
    if (!plan) throw CodedError("not-running", "The plan is closed");
    return plan;
}

Napi::Value PlanWrap::mapped(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        Napi::Array names = Napi::Array::New(env);
        for (const std::string & name : open()->mapped()) names.Set(names.Length(), name);
        return names;
    });
}

Napi::Value PlanWrap::mostCells(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const ggml_type type = kvTypeArg(args::text(info[0], "kvType"));
        return Napi::Number::New(env, open()->mostCells(type));
    });
}

Napi::Value PlanWrap::measure(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const llama_context_params params =
            contextParams(args::object(info, 0), MOST_PLANNED_CELLS);
        return runOnWorker(
            env,
            [plan = open(), params] {
                const Plan::Measure measure = plan->measure(params);
                return [measure](Napi::Env env) -> Napi::Value {
                    Napi::Object o = Napi::Object::New(env);
                    o.Set("cells", measure.cells);
                    o.Set("logitRowBytes", (double) measure.logitRowBytes);
                    o.Set("devices", toJs(env, measure.devices));
                    return o;
                };
            },
            Lane::plan);
    });
}

Napi::Value PlanWrap::close(const Napi::CallbackInfo & info) {
    return runOnWorker(
        info.Env(),
        [plan = std::exchange(this->plan,
                              nullptr)]() mutable -> std::function<Napi::Value(Napi::Env)> {
            plan.reset();
            return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
        },
        Lane::plan);
}
