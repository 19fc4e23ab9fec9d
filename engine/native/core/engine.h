// llama.cpp as a whole.
#pragma once
#include <string>

namespace engine {
// Prepares llama.cpp for the process; a second call does nothing.
void start();
std::string llamaVersion();
std::string ggmlVersion();
} // namespace engine
