#include "measure.h"
#include "utf8.h"
#include <algorithm>

void checkMeasure(const Measure & measure) {
    require(measure.alternatives >= 0 && measure.alternatives <= Measure::MAX_ALTERNATIVES,
            "out-of-range", "alternatives must be between 0 and 20");
}

void measureToken(TokenRecord & record, const Measure & measure, const Model & model,
                  const float * logits, const LogitScan & scan) {
    if (!measure.any()) return;
    const LogitSums sums = scan.sums();
    record.logprob = logits[record.id] - sums.logZ;
    record.entropy = sums.entropy;
    const int32_t top =
        std::max(measure.alternatives, measure.confidence ? Measure::CONFIDENCE_TOP : 0);
    if (top == 0) return;
    const std::vector<Ranked> ranked = topLogits(logits, model.vocabSize, scan, top);
    if (measure.confidence) {
        const size_t count = std::min(ranked.size(), (size_t) Measure::CONFIDENCE_TOP);
        double sum = 0;
        for (size_t i = 0; i < count; i++) sum += ranked[i].logit - sums.logZ;
        record.confidence = (float) (-sum / (double) count);
    }
    for (int32_t i = 0; i < measure.alternatives && i < (int32_t) ranked.size(); i++) {
        const Ranked & r = ranked[i];
        Utf8Joiner joiner;
        std::string text = joiner.push(model.tokenBytes(r.id));
        record.alternatives.push_back({r.id, text + joiner.flush(), r.logit - sums.logZ});
    }
}
