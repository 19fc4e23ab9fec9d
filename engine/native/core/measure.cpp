#include "measure.h"
#include "utf8.h"

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
    if (measure.alternatives == 0) return;
    for (const Ranked & r : topLogits(logits, model.vocabSize, scan, measure.alternatives)) {
        Utf8Joiner joiner;
        std::string text = joiner.push(model.tokenBytes(r.id));
        record.alternatives.push_back({r.id, text + joiner.flush(), r.logit - sums.logZ});
    }
}
