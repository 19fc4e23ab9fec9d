// The last lines that llama.cpp and ggml logged, so that an error can say what they said.
#pragma once
#include <string>

namespace engineLog {
void install();
void clear();
// The last error line since `clear`, or "".
std::string lastError();
// True when some line since `clear` holds `needle`.
bool saw(const char * needle);
} // namespace engineLog
