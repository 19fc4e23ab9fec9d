#pragma once
#include "logits.h"
#include "model.h"
#include "token.h"

// Fills `record` from the logits that its token was chosen by; `scan` belongs to them and holds their sums.
void measureToken(TokenRecord & record, const Measure & measure, const Model & model,
                  const float * logits, const LogitScan & scan);
