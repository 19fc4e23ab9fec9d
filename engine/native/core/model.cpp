#include "model.h"
#include "llama.h"
#include <algorithm>

static std::string architectureOf(const llama_model * model) {
    char text[256] = "";
    llama_model_meta_val_str(model, "general.architecture", text, sizeof text);
    return text;
}

// Whether positions have embeddings (position_embd.weight), of which there are as many as trained positions: beyond
// them, ggml_get_rows aborts.
static bool learnsPositions(const llama_model * model) {
    const std::string architecture = architectureOf(model);
    return architecture == "gpt2" || architecture == "starcoder" || architecture == "mpt";
}

Model::Model(llama_model * handle, bool vocabOnly, bool offloaded)
    : handle(handle)
    , vocab(llama_model_get_vocab(handle))
    , vocabSize(llama_vocab_n_tokens(vocab))
    , thoughtRows(llama_model_n_thoughts(handle))
    , trainContext(llama_model_n_ctx_train(handle))
    , positions(learnsPositions(handle) ? trainContext : INT32_MAX)
    , vocabOnly(vocabOnly)
    , offloaded(offloaded)
    , slidingWindow(llama_model_n_swa(handle) > 0) {}

Model::~Model() {
    llama_model_free(handle);
}

const char * Model::cannotJoin() const {
    if (llama_model_is_recurrent(handle)) return "recurrent";
    if (llama_model_is_hybrid(handle)) return "hybrid";
    switch (llama_model_rope_type(handle)) {
    case LLAMA_ROPE_TYPE_MROPE:
    case LLAMA_ROPE_TYPE_IMROPE:
    case LLAMA_ROPE_TYPE_VISION:
        return "m-rope";
    default:
        break;
    }
    // DSA, MSA: an index beside the cache decides which cells are read
    char text[256] = "";
    const std::string indexer = architectureOf(handle) + ".attention.indexer.head_count";
    if (llama_model_meta_val_str(handle, indexer.c_str(), text, sizeof text) >= 0) return "indexer";
    return nullptr;
}

static std::string metaText(int32_t (*get)(const llama_model *, int32_t, char *, size_t),
                            const llama_model * model, int32_t i) {
    std::string text(256, '\0');
    int32_t n = get(model, i, text.data(), text.size());
    if (n >= (int32_t) text.size()) {
        text.resize(n + 1);
        n = get(model, i, text.data(), text.size());
    }
    text.resize(std::max(0, n));
    return text;
}

ModelInfo Model::info() const {
    ModelInfo info{};
    char text[256];
    llama_model_desc(handle, text, sizeof text);
    info.description = text;
    info.parameters = llama_model_n_params(handle);
    info.sizeBytes = llama_model_size(handle);
    // A model without layers (vocabulary only) would make llama.cpp abort.
    if (!vocabOnly) {
        info.layers = llama_model_n_layer(handle);
        info.embedding = llama_model_n_embd(handle);
        info.heads = llama_model_n_head(handle);
        info.kvHeads = llama_model_n_head_kv(handle);
        info.cannotJoin = cannotJoin();
    }
    info.hasEncoder = llama_model_has_encoder(handle);
    info.addBos = llama_vocab_get_add_bos(vocab);
    info.bos = llama_vocab_bos(vocab);
    info.eos = llama_vocab_eos(vocab);
    if (const char * chat = llama_model_chat_template(handle, nullptr)) info.chatTemplate = chat;
    for (int32_t i = 0; i < llama_model_meta_count(handle); i++)
        info.metadata.push_back({metaText(llama_model_meta_key_by_index, handle, i),
                                 metaText(llama_model_meta_val_str_by_index, handle, i)});
    return info;
}

static const char * INCOMPLETE =
    "The model's tokenizer cannot read this text: its vocabulary is incomplete";

std::vector<int32_t> Model::tokenize(const std::string & text, bool special, bool bos) const {
    require(text.size() <= (64u << 20), "out-of-range", "The text is longer than 64 MiB");
    std::vector<llama_token> ids(text.size() + 8);
    const auto attempt = [&] {
        try {
            return llama_tokenize(vocab, text.data(), (int32_t) text.size(), ids.data(),
                                  (int32_t) ids.size(), bos, special);
        } catch (const std::bad_alloc &) {
            throw;
        } catch (const std::exception &) {
            throw CodedError("bad-model", INCOMPLETE);
        }
    };
    int32_t n = attempt();
    if (n < 0 && n != INT32_MIN) {
        ids.resize(-n);
        n = attempt();
    }
    require(n >= 0, "internal", "The text cannot be tokenized");
    ids.resize(n);
    const bool known = std::all_of(ids.begin(), ids.end(),
                                   [&](llama_token id) { return id >= 0 && id < vocabSize; });
    require(known, "bad-model", INCOMPLETE);
    return ids;
}

std::string Model::tokenBytes(int32_t id) const {
    require(id >= 0 && id < vocabSize, "out-of-range", "The id is outside the vocabulary");
    std::string bytes(32, '\0');
    const auto attempt = [&] {
        return llama_token_to_piece(vocab, id, bytes.data(), (int32_t) bytes.size(), 0, true);
    };
    int32_t n = attempt();
    if (n < 0) {
        bytes.resize(-n);
        n = attempt();
    }
    bytes.resize(std::max(0, n));
    return bytes;
}

std::vector<SpecialToken> Model::specialTokens() const {
    std::vector<SpecialToken> tokens;
    for (llama_token id = 0; id < vocabSize; id++) {
        const bool special = llama_vocab_get_attr(vocab, id) &
                             (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_USER_DEFINED);
        const bool end = llama_vocab_is_eog(vocab, id);
        if (special || end) tokens.push_back({id, tokenBytes(id), special, end});
    }
    return tokens;
}

void Model::requireTokens(const std::vector<int32_t> & ids, const char * name) const {
    for (const int32_t id : ids)
        if (id < 0 || id >= vocabSize)
            throw CodedError("out-of-range",
                             std::string(name) + " holds an id outside the vocabulary");
}
