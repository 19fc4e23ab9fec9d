#include "plan-js.h"
#include "args.h"
#include "context-js.h"
#include "environment.h"
#include "values.h"

Napi::Value openPlan(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const Napi::Object o = args::object(info, 0);
        const LoadParams params{args::path(o.Get("path"), "path"), args::text(o, "device"),
                                (int32_t) args::whole(o, "gpuLayers", -1, 65536)};
        return plannerOf(env)->run(env, [params]() -> Worker::MakeValue {
            return [plan = std::make_shared<Plan>(params)](Napi::Env env) -> Napi::Value {
                return PlanWrap::wrap(env, plan);
            };
        });
    });
}

void PlanWrap::init(Napi::Env env) {
    Environment::of(env).planClass =
        Napi::Persistent(DefineClass(env, "NativePlan",
                                     {
                                         InstanceAccessor<&PlanWrap::mapped>("mapped"),
                                         InstanceMethod<&PlanWrap::mostCells>("mostCells"),
                                         InstanceMethod<&PlanWrap::measure>("measure"),
                                         InstanceMethod<&PlanWrap::close>("close"),
                                     }));
}

Napi::Object PlanWrap::wrap(Napi::Env env, std::shared_ptr<Plan> plan) {
    const Napi::Object object = Environment::of(env).planClass.New({});
    Unwrap(object)->plan = std::move(plan);
    return object;
}

const std::shared_ptr<Plan> & PlanWrap::open() const {
    require(plan != nullptr, "not-running", "The plan is closed");
    return plan;
}

Napi::Value PlanWrap::mapped(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        Napi::Array names = Napi::Array::New(env);
        for (const std::string & name : open()->mapped())
            names.Set(names.Length(), toJsText(env, name));
        return names;
    });
}

Napi::Value PlanWrap::mostCells(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        return Napi::Number::New(env, open()->mostCells(args::text(info[0], "kvType")));
    });
}

Napi::Value PlanWrap::measure(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const auto plan = open();
        const ContextParams params = contextArgs(args::object(info, 0), Plan::MOST_MEASURED);
        Plan::check(params);
        return plannerOf(env)->run(env, [plan, params]() -> Worker::MakeValue {
            return [measure = plan->measure(params)](Napi::Env env) -> Napi::Value {
                Napi::Object o = Napi::Object::New(env);
                o.Set("cells", measure.cells);
                o.Set("logitRowBytes", (double) measure.logitRowBytes);
                o.Set("canShift", measure.canShift);
                o.Set("devices", toJs(env, measure.devices));
                return o;
            };
        });
    });
}

Napi::Value PlanWrap::close(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const auto last = std::make_shared<std::shared_ptr<Plan>>(std::exchange(plan, nullptr));
        return plannerOf(env)->run(env, [last]() -> Worker::MakeValue {
            last->reset();
            return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
        });
    });
}
