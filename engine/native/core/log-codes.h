// What llama.cpp says in its log only. Nothing else of ours looks into the text of a log line.
#pragma once
#include "errors.h"

namespace logCodes {

// The error of a call to llama.cpp that just failed on this thread: its code by the table in log-codes.cpp, or `otherwise`.
// The message is `what` and the first error that was logged since engineLog::clear.
CodedError failure(const char * otherwise, const std::string & what);

// Whether the context that was just made uses flash attention: under `auto` llama.cpp decides, and only logs it.
bool flashAttentionEnabled();

} // namespace logCodes
