// Extracts what llama.cpp reports only in its log. No other code depends on the text of log lines.
#pragma once
#include "errors.h"

namespace logCodes {

// Returns the error for a call to llama.cpp that just failed on this thread. The code is from the table in
// log-codes.cpp, else `otherwise`. The message is `what` and the first error logged since engineLog::clear.
CodedError failure(const char * otherwise, const std::string & what);

// Returns whether the context that was just created uses flash attention: with `auto`, llama.cpp only logs its choice.
bool flashAttentionEnabled();

} // namespace logCodes
