// A loaded model and its vocabulary.
#pragma once
#include "errors.h"
#include "stop.h"
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

struct llama_model;
struct llama_vocab;

struct LoadParams {
    std::string path;
    std::string device; // a device's name; `cpu`: no GPU; `auto`: all
    int32_t gpuLayers;  // -1: all
    bool vocabOnly = false;
    std::vector<std::string> workers = {}; // names of workers' devices, before `device`
    bool repack = true;                    // lets the CPU copy weights into layouts of its own
};

// See NativeModelInfo of types.ts; strings are the file's bytes.
struct ModelInfo {
    std::string description, chatTemplate; // "" if there is no template
    uint64_t parameters, sizeBytes;
    int32_t layers, embedding, heads, kvHeads;
    const char * cannotJoin; // nullptr if sequences can be joined
    bool hasEncoder, addBos;
    int32_t bos, eos;
    std::vector<std::pair<std::string, std::string>> metadata;
};

struct SpecialToken {
    int32_t id;
    std::string text;
    bool special, endOfGeneration;
};

// Owns the weights; contexts hold a reference, so the model outlives them. Immutable, so any thread may use it.
class Model {
public:
    llama_model * const handle;
    const llama_vocab * const vocab;
    const int32_t vocabSize;
    const int32_t thoughtRows;
    const int32_t trainContext; // from the file; llama.cpp's value grows with each YaRN context
    const int32_t positions;    // a position is below this; learned ones are rows of a table
    const bool vocabOnly;
    const bool offloaded;     // every layer is on a GPU: the CPU only samples
    const bool slidingWindow; // some layers attend within a window

    // Loads a model. `onProgress` gets the fraction loaded, at most every 50 ms.
    // Errors: unknown-device, bad-model, out-of-memory, cancelled.
    static std::shared_ptr<Model> load(const LoadParams & params, const StopFlag & stop,
                                       const std::function<void(float)> & onProgress);
    ~Model();
    Model(const Model &) = delete;

    ModelInfo info() const;
    // Returns why sequences cannot be joined, or nullptr if they can.
    const char * cannotJoin() const;
    // Tokenizes text. `special`: texts of control tokens become their ids. Errors: out-of-range for more than 64 MiB,
    // bad-model if the tokenizer does not know a part of the text.
    std::vector<int32_t> tokenize(const std::string & text, bool special, bool bos) const;
    // Returns the UTF-8 bytes of a token, also for control tokens. Errors: out-of-range.
    std::string tokenBytes(int32_t id) const;
    // Returns all control, user-defined and end-of-generation tokens.
    std::vector<SpecialToken> specialTokens() const;
    // Errors: out-of-range, naming `name`, if an id is not in the vocabulary.
    void requireTokens(const std::vector<int32_t> & ids, const char * name) const;

private:
    Model(llama_model * handle, bool vocabOnly, bool offloaded);
};

// Rewrites a GGUF file in another type. Errors: out-of-range for an unknown type, bad-model.
void quantizeModel(const std::string & input, const std::string & output, const std::string & type,
                   int32_t threads);
// Checks that a type is known. Errors: out-of-range.
void requireQuantization(const std::string & type);
