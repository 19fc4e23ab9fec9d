// The JavaScript object of a plan; engine/native/types.ts documents it.
#pragma once
#include "../core/plan.h"
#include <napi.h>

Napi::Value openPlan(const Napi::CallbackInfo & info);

class PlanWrap : public Napi::ObjectWrap<PlanWrap> {
public:
    static void init(Napi::Env env);
    static Napi::Object wrap(Napi::Env env, std::shared_ptr<Plan> plan);
    explicit PlanWrap(const Napi::CallbackInfo & info)
        : Napi::ObjectWrap<PlanWrap>(info) {}

private:
    std::shared_ptr<Plan> plan;
    // Returns the plan. Errors: not-running once it is closed.
    const std::shared_ptr<Plan> & open() const;
    Napi::Value mapped(const Napi::CallbackInfo & info);
    Napi::Value mostCells(const Napi::CallbackInfo & info);
    Napi::Value measure(const Napi::CallbackInfo & info);
    Napi::Value close(const Napi::CallbackInfo & info);
};
