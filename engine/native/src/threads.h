#pragma once
#include <cstdint>

// Physical cores of this machine: more threads than these slow decoding down.
int32_t physicalCores();
