#include "context.h"
#include "log.h"
#include <algorithm>

ContextState::ContextState(std::shared_ptr<ModelState> model, llama_context * ctx,
                           int32_t sequences, int32_t batchSize, int32_t outputs,
                           bool flashAttention)
    : model(std::move(model))
    , ctx(ctx)
    , threads(llama_n_threads(ctx))
    , sequences(sequences)
    , batchSize(batchSize)
    , outputs(outputs)
    , flashAttention(flashAttention) {
    if (threads.pool()) llama_attach_threadpool(ctx, threads.pool(), nullptr);
    llama_set_abort_callback(
        ctx, [](void * data) { return static_cast<ContextState *>(data)->stopping(); }, this);
}

ContextState::~ContextState() {
    llama_free(ctx);
}

bool ContextState::stopping() const {
    return running <= abortedUpTo || Worker::leaving();
}

void ContextState::setThought(int32_t seq, int32_t row) {
    if (model->thoughtRows == 0) return; // no table: the embedding is zero
    if (!llama_set_thought(ctx, seq, row))
        throw CodedError("out-of-range", "Thought " + std::to_string(row) +
                                             " has no row: the model's tables have " +
                                             std::to_string(model->thoughtRows));
}

void ContextState::keepTail(int32_t seq, const float * logits) {
    if (logits)
        tails[seq] = std::make_shared<std::vector<float>>(logits, logits + model->vocabSize);
    else
        tails.erase(seq);
}

void ContextState::copy(int32_t from, int32_t to, int32_t end) {
    if (from == to) return;
    const bool whole = end < 0 || end > lastPosition(from);
    if (!whole)
        if (const char * why = cannotJoin(model->model))
            throw CodedError(
                "cannot-join",
                std::string("Part of a sequence cannot be shared: the model's memory is ") + why);
    const bool fresh = lastPosition(to) < 0;
    llama_memory_seq_cp(memory(), from, to, -1, whole ? -1 : end);
    const auto tail = tails.find(from);
    if (fresh && whole && tail != tails.end())
        tails[to] = tail->second;
    else
        tails.erase(to);
}

void ContextState::remove(int32_t seq, int32_t from) {
    tails.erase(seq);
    if (!llama_memory_seq_rm(memory(), seq, from <= 0 ? -1 : from, -1))
        throw CodedError("cannot-join",
                         "Part of a sequence cannot be removed from this model's memory");
}

std::vector<TokenRecord> runPrefill(ContextState & c, int32_t seq,
                                    const std::vector<llama_token> & tokens, int32_t thought,
                                    const Measure & measure, bool report,
                                    const std::vector<int32_t> & spans,
                                    const JsCallback & onProgress) {
    const int n = c.model->vocabSize;
    const llama_pos start = c.lastPosition(seq) + 1;
    std::vector<TokenRecord> records;
    Utf8Joiner joiner;
    const auto record = [&](llama_token id, const float * logits, const LogitScan & scan) {
        TokenRecord r;
        r.id = id;
        r.text = joiner.push(tokenBytes(c.model->vocab, id));
        r.forced = true;
        if (logits && scan.finite()) measure.apply(r, c.model->vocab, logits, n, scan);
        records.push_back(std::move(r));
    };
    const auto undo = [&](const char * code, const std::string & message) {
        c.remove(seq, start);
        throw CodedError(code, message);
    };
    c.setThought(seq, thought);
    if (c.attention) c.attention->begin(spans, tokens.size());
    if (report) {
        const auto tail = c.tails.find(seq);
        const float * logits = tail == c.tails.end() ? nullptr : tail->second->data();
        LogitScan scan;
        if (logits) scanLogits(c.threads, {{logits, &scan}}, n, measure.any());
        record(tokens[0], logits, scan);
    }
    // With a row of logits for each token, steps are as small as the context has rows.
    const size_t step = report ? std::min(c.batchSize, c.outputs) : c.batchSize;
    Batch batch((int32_t) step);
    std::vector<LogitScan> scans(report ? step : 0);
    for (size_t i = 0; i < tokens.size(); i += step) {
        batch.clear();
        const size_t end = std::min(tokens.size(), i + step);
        for (size_t k = i; k < end; k++)
            batch.add(tokens[k], start + (llama_pos) k, seq, report || k + 1 == tokens.size());
        if (c.attention) c.attention->at(i);
        const int32_t status = c.stopping() ? 2 : llama_decode(c.ctx, batch.batch);
        if (status == 1)
            undo("out-of-cells",
                 "The context is too small for these " + std::to_string(tokens.size()) + " tokens");
        if (status == 2) undo("cancelled", "Prefill was cancelled");
        if (status != 0) undo("decode-failed", "Prefill failed: " + engineLog::lastError());
        if (report) {
            std::vector<LogitRow> rows;
            for (size_t k = i; k < end && k + 1 < tokens.size(); k++)
                rows.push_back({llama_get_logits_ith(c.ctx, (int32_t) (k - i)), &scans[k - i]});
            scanLogits(c.threads, rows, n, measure.any());
            for (size_t k = 0; k < rows.size(); k++)
                record(tokens[i + k + 1], rows[k].logits, scans[k]);
        }
        if (end == tokens.size())
            c.keepTail(seq, llama_get_logits_ith(c.ctx, batch.batch.n_tokens - 1));
        if (onProgress)
            Worker::toJs([onProgress, end](Napi::Env env) {
                onProgress->Call({Napi::Number::New(env, (double) end)});
            });
    }
    if (report) records.back().text += joiner.flush();
    return records;
}
