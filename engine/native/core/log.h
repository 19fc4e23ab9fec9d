// The last lines that llama.cpp and ggml logged on the calling thread, so that an error can say what they said.
#pragma once
#include <string>

namespace engineLog {
void install();
// Forgets what the calling thread has collected.
void clear();
// The first error line of the calling thread since `clear`, or "".
std::string lastError();
// True when some line of the calling thread since `clear` holds `needle`.
bool saw(const char * needle);
} // namespace engineLog
