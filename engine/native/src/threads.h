#pragma once
#include <cstdint>
#include <ggml-cpu.h>
#include <memory>

// Physical cores of this machine: more threads than these slow decoding down.
int32_t physicalCores();

// Threads that stay, with one step and the next: without them ggml starts new ones for each, and the system places them
// anew beside JavaScript's thread. They go to sleep a few milliseconds after the last step. Null where ggml has no CPU backend.
using ThreadPool = std::shared_ptr<ggml_threadpool>;
ThreadPool makeThreadPool(int32_t threads);
