#pragma once
#include "logits.h"
#include "model.h"
#include "token.h"

// Errors: out-of-range.
void checkMeasure(const Measure & measure);

// Fills `record` from the logits that its token was chosen from; `scan` must be theirs and include sums.
void measureToken(TokenRecord & record, const Measure & measure, const Model & model,
                  const float * logits, const LogitScan & scan);
