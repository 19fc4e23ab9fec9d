#include "decode.h"
#include "args.h"
#include "log.h"
#include "stream.h"
#include "worker.h"
#include <algorithm>
#include <chrono>
#include <list>

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto BATCH_INTERVAL = std::chrono::milliseconds(30);

struct Command {
    enum Kind { STOP, EXTEND, ADD, REMOVE } kind;
    int32_t id = 0, value = 0;
    const char * reason = nullptr;
    std::shared_ptr<StreamParams> stream;
    explicit Command(Kind kind) : kind(kind) {}
};

struct StreamEnd {
    int32_t id;
    std::string reason, code, message;
};

struct Report {
    std::vector<std::pair<int32_t, std::vector<TokenRecord>>> tokens;
    std::vector<StreamEnd> ended;
    bool empty() const { return tokens.empty() && ended.empty(); }
};

class Decode {
  public:
    std::shared_ptr<ContextState> context;
    std::vector<std::shared_ptr<StreamParams>> initial;
    int32_t finish = 0;
    int64_t cells = 0;
    Measure measure{true, 0};
    JsCallback onBatch;
    uint64_t number = 0;
    std::atomic<bool> cancelled{false};

    int64_t steps = 0;
    double ms = 0, firstTokenMs = 0;

    // false: the decode is over.
    bool send(Command command) {
        std::lock_guard<std::mutex> lock(mutex);
        if (over) return false;
        commands.push_back(std::move(command));
        return true;
    }

    void run();

  private:
    std::mutex mutex;
    std::vector<Command> commands; // under mutex
    bool over = false;             // under mutex

    // The loop's own.
    std::list<Stream> streams;
    Report report;
    Clock::time_point started, lastReport;
    std::vector<LogitScan> scans;

    int vocabSize() const { return context->model->vocabSize; }
    bool stopping() const { return cancelled || context->stopping(); }
    Stream * live(int32_t id);
    void add(const StreamParams & params);
    void obey(const Command & command);
    bool obeyAll(bool closeIfIdle);
    void end(Stream & s, const char * reason, const std::string & code = "", const std::string & message = "");
    void choose(Stream & s);
    void shedFor(int64_t cellsLeft);
    bool step(Batch & batch);
    void commit(Stream & s);
    void cutGroups();
    void tell(bool now);
};

Stream * Decode::live(int32_t id) {
    for (Stream & s : streams)
        if (!s.ended && s.p.id == id) return &s;
    return nullptr;
}

void Decode::end(Stream & s, const char * reason, const std::string & code, const std::string & message) {
    s.ended = true;
    context->keepTail(s.p.seq, s.logits);
    const std::string rest = s.joiner.flush();
    if (!rest.empty()) {
        for (auto & entry : report.tokens)
            if (entry.first == s.p.id && !entry.second.empty()) entry.second.back().text += rest;
    }
    report.ended.push_back({s.p.id, reason, code, message});
}

void Decode::add(const StreamParams & params) {
    // An ended stream of this id or sequence thinks on: the new one takes its place.
    streams.remove_if([&](const Stream & s) { return s.ended && (s.p.id == params.id || s.p.seq == params.seq); });
    streams.emplace_back(params);
    Stream & s = streams.back();
    try {
        if (params.branchFrom >= 0) {
            context->remove(params.seq, 0);
            context->copy(params.branchFrom, params.seq, params.branchEnd);
        }
        context->setThought(params.seq, params.thought);
    } catch (const CodedError & e) {
        return end(s, "failed", e.code, e.what());
    }
    s.position = context->lastPosition(params.seq) + 1;
    const auto tail = context->tails.find(params.seq);
    if (tail != context->tails.end()) {
        s.tail = tail->second;
        s.logits = s.tail->data();
    }
}

void Decode::obey(const Command & c) {
    switch (c.kind) {
    case Command::STOP:
        if (Stream * s = live(c.id)) end(*s, c.reason);
        break;
    case Command::EXTEND:
        if (Stream * s = live(c.id)) s->p.budget = (int32_t) std::min<int64_t>((int64_t) s->p.budget + c.value, INT32_MAX);
        break;
    case Command::ADD:
        if (Stream * s = live(c.stream->id)) end(*s, "failed", "bad-request", "A stream of this id decodes already");
        else if (std::any_of(streams.begin(), streams.end(), [&](const Stream & s) { return !s.ended && s.p.seq == c.stream->seq; }))
            report.ended.push_back({c.stream->id, "failed", "bad-request", "Another stream decodes in this sequence"});
        else add(*c.stream);
        break;
    case Command::REMOVE:
        for (Stream & s : streams)
            if (!s.ended && s.p.seq == c.id) end(s, "stopped");
        context->remove(c.id, 0);
        break;
    }
}

// Takes what JavaScript sent since the last step. With `closeIfIdle`: true once nothing is left to do for good.
bool Decode::obeyAll(bool closeIfIdle) {
    std::vector<Command> now;
    {
        std::lock_guard<std::mutex> lock(mutex);
        now.swap(commands);
        if (closeIfIdle && now.empty()) {
            over = true;
            return true;
        }
    }
    for (const Command & c : now) obey(c);
    return false;
}

// Decides a stream's next token.
void Decode::choose(Stream & s) {
    const int n = vocabSize();
    s.token = -1;
    s.counted = false;
    LogitScan & scan = scans[s.p.seq];
    const bool haveLogits = s.logits && scan.scan(s.logits, n);
    bool forced = s.forcedDone < s.p.forced.size(), silent = false;
    if (forced) {
        s.token = s.p.forced[s.forcedDone++];
        silent = s.forcedDone <= (size_t) s.p.silent;
    } else {
        if (!haveLogits) return end(s, "failed", "decode-failed", s.logits ? "The model's logits are not numbers" : "Nothing to continue from");
        // The scan is restored with the logits when it is measured below.
        LogitScan drawn = scan;
        s.token = s.sampler.sample(s.logits, n, drawn, s.p.masked);
        if (s.token < 0) return end(s, "failed", "decode-failed", "No token is left to sample");
        if (firstTokenMs == 0) firstTokenMs = std::chrono::duration<double, std::milli>(Clock::now() - started).count();
        if (s.stops.count(s.token)) {
            s.closing = "finished";
            if (s.p.endToken < 0) return end(s, s.closing);
            forced = s.token != s.p.endToken;
            s.token = s.p.endToken;
        }
    }
    s.sampler.accept(s.token);
    if (!silent) {
        s.counted = true;
        s.record = TokenRecord{};
        s.record.id = s.token;
        s.record.forced = forced;
        if (haveLogits) measure.apply(s.record, context->model->vocab, s.logits, n, scan);
        if (++s.reported >= s.p.budget && !s.closing) s.closing = "budget";
    }
}

// The context holds `cellsLeft` more tokens: ends the longest streams until a step fits.
void Decode::shedFor(int64_t cellsLeft) {
    for (;;) {
        int64_t count = 0;
        Stream * longest = nullptr;
        for (Stream & s : streams) {
            if (s.ended) continue;
            count++;
            if (!longest || s.position >= longest->position) longest = &s;
        }
        if (count <= cellsLeft || !longest) return;
        end(*longest, "overflow", "out-of-cells", "The context is full");
    }
}

// The step's token is in the cache: now it may be told.
void Decode::commit(Stream & s) {
    // Computed again for the logits after it only: the branch keeps its parent's cell, so that a join counts it once.
    if (!s.counted && s.p.branchFrom >= 0 && context->lastPosition(s.p.branchFrom) >= s.position &&
        llama_memory_seq_rm(context->memory(), s.p.seq, s.position, s.position + 1)) {
        llama_memory_seq_cp(context->memory(), s.p.branchFrom, s.p.seq, s.position, s.position + 1);
        cells++;
    }
    s.position++;
    cells--;
    if (s.counted) {
        s.record.text = s.joiner.push(tokenBytes(context->model->vocab, s.token));
        auto entry = std::find_if(report.tokens.begin(), report.tokens.end(), [&](const auto & e) { return e.first == s.p.id; });
        if (entry == report.tokens.end()) entry = report.tokens.insert(entry, {s.p.id, {}});
        entry->second.push_back(std::move(s.record));
    }
    if (s.closing) end(s, s.closing);
}

void Decode::cutGroups() {
    if (finish <= 0) return;
    for (Stream & s : streams) {
        if (s.ended) continue;
        int32_t done = 0;
        for (const Stream & other : streams) done += other.ended && other.closing && other.p.group == s.p.group;
        if (done >= finish) end(s, "cut");
    }
}

// One token for every live stream. false: nothing was live.
bool Decode::step(Batch & batch) {
    shedFor(cells);
    for (Stream & s : streams)
        if (!s.ended) choose(s);
    for (;;) {
        batch.clear();
        for (Stream & s : streams)
            if (!s.ended) batch.add(s.token, s.position, s.p.seq, true);
        if (batch.batch.n_tokens == 0) return false;
        const int32_t status = llama_decode(context->ctx, batch.batch);
        if (status == 0) break;
        if (status == 1 && batch.batch.n_tokens > 1) {
            shedFor(batch.batch.n_tokens - 1); // its token of this step is not told
            continue;
        }
        const bool aborted = status == 2;
        for (Stream & s : streams) {
            if (s.ended) continue;
            llama_memory_seq_rm(context->memory(), s.p.seq, s.position, -1);
            s.logits = nullptr;
            if (aborted) end(s, "cancelled");
            else if (status == 1) end(s, "overflow", "out-of-cells", "The context is full");
            else end(s, "failed", "decode-failed", "The decode step failed: " + engineLog::lastError());
        }
        return false;
    }
    steps++;
    int32_t row = 0;
    for (Stream & s : streams) {
        if (s.ended) continue;
        s.tail.reset();
        s.logits = llama_get_logits_ith(context->ctx, row++);
        commit(s);
    }
    cutGroups();
    return true;
}

void Decode::tell(bool now) {
    if (report.empty() || (!now && Clock::now() - lastReport < BATCH_INTERVAL)) return;
    lastReport = Clock::now();
    auto sent = std::make_shared<Report>(std::move(report));
    report = Report{};
    Worker::toJs([sent, callback = onBatch](Napi::Env env) {
        Napi::Object batch = Napi::Object::New(env);
        Napi::Array tokens = Napi::Array::New(env, sent->tokens.size()), ended = Napi::Array::New(env, sent->ended.size());
        for (size_t i = 0; i < sent->tokens.size(); i++) {
            Napi::Object o = Napi::Object::New(env);
            o.Set("id", sent->tokens[i].first);
            o.Set("tokens", toJs(env, sent->tokens[i].second));
            tokens.Set(i, o);
        }
        for (size_t i = 0; i < sent->ended.size(); i++) {
            const StreamEnd & e = sent->ended[i];
            Napi::Object o = Napi::Object::New(env);
            o.Set("id", e.id);
            o.Set("reason", e.reason);
            if (!e.code.empty()) {
                Napi::Object error = Napi::Object::New(env);
                error.Set("code", e.code);
                error.Set("message", e.message);
                o.Set("error", error);
            }
            ended.Set(i, o);
        }
        batch.Set("tokens", tokens);
        batch.Set("ended", ended);
        callback->Call({batch});
    });
}

void Decode::run() {
    context->running = number;
    engineLog::clear();
    started = lastReport = Clock::now();
    scans.resize(context->sequences);
    Batch batch(context->sequences);
    for (const auto & params : initial) add(*params);
    for (;;) {
        obeyAll(false);
        if (stopping())
            for (Stream & s : streams)
                if (!s.ended) end(s, "cancelled");
        const bool busy = step(batch);
        tell(!busy);
        if (!busy && (obeyAll(true) || stopping())) break;
    }
    {
        std::lock_guard<std::mutex> lock(mutex);
        over = true;
    }
    tell(true);
    ms = std::chrono::duration<double, std::milli>(Clock::now() - started).count();
}

SamplerParams samplerArgs(const Napi::Object & o) {
    SamplerParams p;
    p.temperature = (float) args::real(o, "temperature", 0, 10);
    p.topK = (int32_t) args::whole(o, "topK", 0, 1'000'000);
    p.topP = (float) args::real(o, "topP", 0, 1);
    p.minP = (float) args::real(o, "minP", 0, 1);
    p.repetitionPenalty = (float) args::real(o, "repetitionPenalty", 0.1, 10);
    p.repetitionWindow = (int32_t) args::whole(o, "repetitionWindow", 0, 65536);
    p.seed = (uint32_t) args::whole(o, "seed", 0, UINT32_MAX);
    return p;
}

std::shared_ptr<StreamParams> streamArgs(const ContextState & c, const Napi::Object & o) {
    auto p = std::make_shared<StreamParams>();
    const int32_t vocab = c.model->vocabSize;
    p->id = (int32_t) args::whole(o, "id", 0, INT32_MAX);
    p->seq = (int32_t) args::whole(o, "seq", 0, c.sequences - 1);
    p->thought = (int32_t) args::whole(o, "thought", -1, 65536);
    p->forced = args::tokens(o.Get("forced"), "forced", vocab);
    p->silent = (int32_t) args::whole(o, "silent", 0, (int64_t) p->forced.size(), 0);
    p->budget = (int32_t) args::whole(o, "budget", 1, INT32_MAX);
    p->masked = args::tokens(o.Get("masked"), "masked", vocab);
    p->history = args::tokens(o.Get("history"), "history", vocab);
    p->stops = args::tokens(o.Get("stops"), "stops", vocab);
    p->endToken = (int32_t) args::whole(o, "endToken", -1, vocab - 1);
    p->group = (int32_t) args::whole(o, "group", 0, INT32_MAX);
    if (!o.Get("sampler").IsObject()) throw CodedError("bad-request", "sampler must be an object");
    p->sampler = samplerArgs(o.Get("sampler").As<Napi::Object>());
    const Napi::Value branch = o.Get("branch");
    if (branch.IsObject()) {
        p->branchFrom = (int32_t) args::whole(branch.As<Napi::Object>(), "from", 0, c.sequences - 1);
        p->branchEnd = (int32_t) args::whole(branch.As<Napi::Object>(), "end", 1, INT32_MAX);
        if (p->branchFrom == p->seq) throw CodedError("bad-request", "A stream cannot branch from its own sequence");
    }
    return p;
}

} // namespace

Napi::Value startDecode(Napi::Env env, const std::shared_ptr<ContextState> & context, const Napi::Object & o) {
    auto d = std::make_shared<Decode>();
    d->context = context;
    d->finish = (int32_t) args::whole(o, "finish", 0, INT32_MAX);
    d->cells = args::whole(o, "cells", 0, INT32_MAX);
    d->measure = Measure{args::flag(o, "logprobs"), (int32_t) args::whole(o, "alternatives", 0, 20)};
    d->onBatch = holdCallback(args::function(o, "onBatch"));
    if (!o.Get("streams").IsArray()) throw CodedError("bad-request", "streams must be an array");
    const Napi::Array streams = o.Get("streams").As<Napi::Array>();
    if (streams.Length() == 0 || streams.Length() > (uint32_t) context->sequences) throw CodedError("out-of-range", "A decode takes from 1 to as many streams as the context has sequences");
    std::unordered_set<int32_t> ids, seqs;
    for (uint32_t i = 0; i < streams.Length(); i++) {
        if (!streams.Get(i).IsObject()) throw CodedError("bad-request", "a stream must be an object");
        auto p = streamArgs(*context, streams.Get(i).As<Napi::Object>());
        if (!ids.insert(p->id).second) throw CodedError("bad-request", "two streams have the same id");
        if (!seqs.insert(p->seq).second) throw CodedError("bad-request", "two streams decode in the same sequence");
        d->initial.push_back(std::move(p));
    }
    d->number = ++context->issued;

    const Napi::Promise done = runOnWorker(env, [d] {
        d->run();
        return [d](Napi::Env env) -> Napi::Value {
            Napi::Object result = Napi::Object::New(env);
            result.Set("steps", (double) d->steps);
            result.Set("ms", d->ms);
            result.Set("firstTokenMs", d->firstTokenMs);
            return result;
        };
    });

    Napi::Object handle = Napi::Object::New(env);
    handle.Set("done", done);
    const auto command = [&](const char * name, std::function<Command(const Napi::CallbackInfo &)> read) {
        handle.Set(name, Napi::Function::New(env, [d, read](const Napi::CallbackInfo & info) -> Napi::Value {
            return guarded(info.Env(), [&]() -> Napi::Value { return Napi::Boolean::New(info.Env(), d->send(read(info))); });
        }));
    };
    command("stop", [](const Napi::CallbackInfo & info) {
        Command c(Command::STOP);
        c.id = (int32_t) args::whole(info[0], "id", 0, INT32_MAX);
        c.reason = args::text(info[1], "reason") == "cut" ? "cut" : "stopped";
        return c;
    });
    command("extend", [](const Napi::CallbackInfo & info) {
        Command c(Command::EXTEND);
        c.id = (int32_t) args::whole(info[0], "id", 0, INT32_MAX);
        c.value = (int32_t) args::whole(info[1], "tokens", 1, INT32_MAX);
        return c;
    });
    command("add", [context](const Napi::CallbackInfo & info) {
        Command c(Command::ADD);
        c.stream = streamArgs(*context, args::object(info, 0));
        return c;
    });
    command("remove", [context](const Napi::CallbackInfo & info) {
        Command c(Command::REMOVE);
        c.id = (int32_t) args::whole(info[0], "seq", 0, context->sequences - 1);
        return c;
    });
    handle.Set("cancel", Napi::Function::New(env, [d](const Napi::CallbackInfo &) {
        d->cancelled = true;
        // A step under way is aborted too, unless a later operation was asked for already.
        if (d->context->issued == d->number) d->context->abort();
    }));
    return handle;
}
