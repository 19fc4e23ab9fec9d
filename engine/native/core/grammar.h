// What a stream may write as its answer: a grammar (GBNF), applied by llama.cpp's grammar sampler.
#pragma once
#include "model.h"
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

struct llama_sampler;

struct GrammarParams {
    std::string text; // its start is `root`
    int32_t from = 0; // forced tokens of the stream before the answer
    // Tokens of the answer, and of the thought before it, that the stream continues.
    std::vector<int32_t> written;
    // For a model that may think first: the tokens with which a thought can begin, and the texts that end it.
    std::vector<int32_t> opens;
    std::vector<std::string> closes;
    bool thinking = false; // the thought is open already

    static constexpr size_t MAX_TEXT = 4 << 20, MAX_MARKERS = 64, MAX_MARKER = 256;
};

// The state of one stream. llama.cpp aborts the process if an end comes too early, or if a grammar goes on after a token
// that it did not allow. So ends are decided here, and each token is tried before the sampler accepts it.
class Grammar {
public:
    // `ends`: tokens that end the stream. Errors: bad-request, out-of-range.
    Grammar(std::shared_ptr<const Model> model, const GrammarParams & params,
            const std::vector<int32_t> & ends);

    // Returns whether the token may come next.
    bool allows(int32_t id) const;
    // Sets the logits of all tokens that may not come next to -infinity.
    void restrict(float * logits) const;
    // Records the next token; returns false if it may not come, after which none may.
    bool accept(int32_t id);

    const int32_t from; // as in GrammarParams

private:
    enum State { START, THOUGHT, ANSWER, BROKEN };

    const std::shared_ptr<const Model> model;
    std::unique_ptr<llama_sampler, void (*)(llama_sampler *)> sampler;
    const std::unordered_set<int32_t> opens;
    const std::vector<std::string> closes;
    std::unordered_set<int32_t> ends;
    int32_t end = -1; // a token that llama.cpp knows as an end
    State state;
    std::string tail; // of the thought: what may be the beginning of a text that ends it

    bool fits(int32_t id) const;
    bool inAnswer(int32_t id) const;
    bool isControl(int32_t id) const;
    bool acceptAnswer(int32_t id);
    void think(int32_t id);
};
