// Collects the lines that llama.cpp and ggml log on the calling thread, so that errors can quote them.
#pragma once
#include <string>

namespace engineLog {
void install();
// Discards what the calling thread has collected.
void clear();
// Returns the first error line of the calling thread since `clear`, or "".
std::string lastError();
// Returns whether a line of the calling thread since `clear` contains `needle`.
bool saw(const char * needle);
} // namespace engineLog
