#include "harness.h"
#include "plan.h"

TEST("a plan says what the context then takes") {
    Fixture f;
    const Plan plan({modelFile(), "cpu", 0});
    ContextParams p = Fixture::params(1000);
    const Plan::Measure measure = plan.measure(p);
    const ContextInfo info = Context(f.model, p, f.leaving).info();
    CHECK_EQUAL((int32_t) measure.cells, info.cells);
    CHECK_EQUAL(measure.devices.size(), 1u);
    CHECK_EQUAL(info.devices.size(), 1u);
    const DeviceMemory &planned = measure.devices[0], &taken = info.devices[0];
    CHECK_EQUAL(planned.device, taken.device);
    CHECK_EQUAL(planned.kv, taken.kv);
    CHECK_EQUAL(planned.compute, taken.compute);
    CHECK_EQUAL(info.kvBytes, taken.kv);
    CHECK_EQUAL(info.computeBytes, taken.compute);
    CHECK_EQUAL(info.weightBytes, taken.weights);
    CHECK_EQUAL(measure.logitRowBytes, (uint64_t) f.model->vocabSize * sizeof(float));
    CHECK_EQUAL(plan.mostCells("q8_0"), Context::MAX_CELLS);
    CHECK(!plan.mapped().empty());
}

TEST("a plan refuses what cannot be measured") {
    const Plan plan({modelFile(), "cpu", 0});
    ContextParams p = Fixture::params(Plan::MOST_MEASURED + 1);
    CHECK_EQUAL(codeOf([&] { plan.measure(p); }), "out-of-range");
    p = Fixture::params(256);
    p.kvType = "q8_0";
    p.flashAttention = "off";
    CHECK_EQUAL(codeOf([&] { plan.measure(p); }), "bad-combination");
    CHECK_EQUAL(codeOf([&] { plan.mostCells("f64"); }), "out-of-range");
    CHECK_EQUAL(codeOf([] { Plan({modelFile(), "GPU77", -1}); }), "unknown-device");
    CHECK_EQUAL(codeOf([] { Plan({modelFile() + ".none", "cpu", 0}); }), "bad-model");
}
