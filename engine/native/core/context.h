// A llama.cpp context with a unified KV cache: sequences share cells, so forks and joins copy nothing.
#pragma once
#include "memory.h"
#include "model.h"
#include <map>
#include <mutex>

class AttentionSums;
class Batch;
class Threads;
struct llama_context;
struct llama_context_params;
struct llama_memory_i;

// As ContextOptions of types.ts.
struct ContextParams {
    int32_t cells, sequences;
    int32_t batch = 512;
    int32_t threads = 0;
    std::string kvType, flashAttention;
    bool attention = false;
    double yarnFactor = 0; // 0: no YaRN
    int32_t yarnOriginalContext = 0;
};

struct ContextInfo {
    int32_t cells, threads;
    bool flashAttention;
    std::vector<DeviceMemory> devices;           // the CPU first
    uint64_t weightBytes, kvBytes, computeBytes; // over all devices
};

enum class Step { DONE, NO_CELLS, ABORTED, FAILED };

// One thread at a time may change it; any may read its constants and `info`.
class Context {
public:
    static constexpr int32_t MAX_CELLS = 1 << 28, MAX_BATCH = 8192, MAX_THREADS = 512;
    static int32_t maxSequences();

    // Throws what the constructor would throw before it allocates anything. Errors: bad-combination, out-of-range.
    static void check(const Model & model, const ContextParams & params);
    // `leaving`: raised when the process or the environment ends. Errors: those of `check`, out-of-memory.
    Context(std::shared_ptr<const Model> model, const ContextParams & params,
            std::shared_ptr<const StopFlag> leaving);
    Context(const Context &) = delete;
    ~Context();

    const std::shared_ptr<const Model> model;
    const int32_t sequences;
    const int32_t batchSize; // tokens of a step
    const int32_t outputs;   // rows of logits of a step

    // As of the last operation that ended. Any thread.
    ContextInfo info() const;
    // Called when an operation ends: takes `info` anew.
    void refreshInfo();

    // Errors: out-of-range, with `name`, where the context has no such sequence.
    void requireSequence(int32_t seq, const char * name) const;
    int32_t lastPosition(int32_t seq) const;
    // Errors: out-of-range where the model's thought tables have no such row.
    void setThought(int32_t seq, int32_t row);
    // `to` also sees the cells of `from` at positions below `end`; -1: all. Errors: cannot-join.
    void copy(int32_t from, int32_t to, int32_t end);
    // Removes positions `from` and above. Errors: cannot-join.
    void remove(int32_t seq, int32_t from);
    // Removes what a step that failed may have left at `from` and above, where the model's memory can.
    void takeBack(int32_t seq, int32_t from);
    // Lets `seq` use the cell of `from` at `position` in place of its own. false: the memory cannot.
    bool shareCell(int32_t from, int32_t seq, int32_t position);

    // Logits after a sequence's last token, kept when a prefill or a stream ends; null: none are kept.
    std::shared_ptr<std::vector<float>> tail(int32_t seq) const;
    // `logits`: a row of the vocabulary's size; null: forgets the tail.
    void keepTail(int32_t seq, const float * logits);

    // Computes one batch. llama.cpp's abort callback can only end the batch as a whole, so it serves two: whoever leaves,
    // and `owner`, the operation whose tokens are all of the batch. Everybody else waits for the end of the step.
    // `owner` is null where several runs share the batch, and where a K-shift is pending: llama.cpp does it within the next
    // step, and one that is aborted leaves K half rotated.
    Step compute(const Batch & batch, const StopFlag * owner);
    // After the i-th token of the last batch; valid until the next one. Null: the step left no such row.
    float * logits(int32_t i) const;

    Threads & threads() const { return *pool; }
    // Null unless `attention` was asked for.
    AttentionSums * attention() const { return observed.get(); }

private:
    Context(std::shared_ptr<const Model> model, llama_context_params params,
            std::shared_ptr<const StopFlag> leaving, std::unique_ptr<AttentionSums> observed);
    llama_memory_i * memory() const;

    const std::shared_ptr<const StopFlag> leaving;
    const StopFlag * owner = nullptr; // of the step under way
    const std::unique_ptr<AttentionSums> observed;
    std::unique_ptr<Threads> pool;
    std::unique_ptr<llama_context, void (*)(llama_context *)>
        ctx; // goes before what it calls and computes on
    std::map<int32_t, std::shared_ptr<std::vector<float>>> tails;
    mutable std::mutex infoMutex;
    ContextInfo latest{}; // under infoMutex
};
