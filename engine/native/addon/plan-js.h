// Plans as JavaScript sees them; engine/native/types.ts describes them.
#pragma once
#include "../core/plan.h"
#include "../src/errors.h"

// Plans are measured at most at this many cells: llama.cpp keeps about 50 bytes of its own per cell even without allocating.
constexpr int64_t MOST_PLANNED_CELLS = 1 << 20;

Napi::Array toJs(Napi::Env env, const std::vector<DeviceMemory> & devices);

Napi::Value openPlan(const Napi::CallbackInfo & info);

class PlanWrap : public Napi::ObjectWrap<PlanWrap> {
public:
    static void init(Napi::Env env);
    static Napi::Object wrap(std::shared_ptr<Plan> plan);
    explicit PlanWrap(const Napi::CallbackInfo & info)
        : Napi::ObjectWrap<PlanWrap>(info) {}

private:
    std::shared_ptr<Plan> plan;
    const std::shared_ptr<Plan> & open() const;
    Napi::Value mapped(const Napi::CallbackInfo & info);
    Napi::Value mostCells(const Napi::CallbackInfo & info);
    Napi::Value measure(const Napi::CallbackInfo & info);
    Napi::Value close(const Napi::CallbackInfo & info);
};
