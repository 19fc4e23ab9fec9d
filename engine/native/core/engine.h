// Process-wide setup and versions of llama.cpp.
#pragma once
#include <string>

namespace engine {
// Initialises llama.cpp for the process; further calls do nothing.
void start();
std::string llamaVersion();
std::string ggmlVersion();
} // namespace engine
