// The decode loop: one batch a step over all live streams. Whoever listens is told in reports and never waited for.
#pragma once
#include "clock.h"
#include "logits.h"
#include "stream-params.h"
#include "token.h"
#include <list>

struct Stream;

struct DecodeParams {
    std::vector<StreamParams> streams;
    int32_t finish = 0; // a group is cut when this many of its streams ended; 0: when all have
    int64_t cells = 0;  // that it may add
    Measure measure;
};

struct StreamEnd {
    int32_t id;
    std::string reason;
    std::string code, message; // "": no error
};

struct DecodeReport {
    std::vector<std::pair<int32_t, std::vector<TokenRecord>>> tokens; // by stream, in order
    std::vector<StreamEnd> ended;
    bool empty() const { return tokens.empty() && ended.empty(); }
};

struct DecodeResult {
    int64_t steps = 0;
    double ms = 0, firstTokenMs = 0;
};

// Streams of one run, which has the context to itself while the loop runs.
class Decode {
public:
    // `stop` ends every stream with `cancelled`. `onReport` is called by run, about every 30 ms.
    // Errors: out-of-range, bad-request.
    Decode(std::shared_ptr<Context> context, DecodeParams params,
           std::shared_ptr<const StopFlag> stop, std::function<void(DecodeReport)> onReport);
    Decode(const Decode &) = delete;
    ~Decode();

    const std::shared_ptr<Context> context;

    // Returns when every stream ended and no command waits. Once.
    DecodeResult run();

    // Commands, from any thread: each takes effect between two steps, in order. false: the decode is over.
    bool stop(int32_t id, bool cut);
    bool extend(int32_t id, int32_t tokens);
    bool add(StreamParams stream);
    bool remove(int32_t seq);

private:
    const DecodeParams params;
    const std::shared_ptr<const StopFlag> stopping;
    const std::function<void(DecodeReport)> onReport;

    std::mutex mutex;
    std::vector<std::function<void()>> commands; // under mutex
    bool over = false;                           // under mutex

    // The loop's own.
    std::list<Stream> streams;
    int64_t cells; // that are left
    DecodeReport report;
    DecodeResult result;
    Clock::time_point started, lastReport;
    std::vector<LogitScan> scans; // by sequence

    bool send(std::function<void()> command);
    bool obey(bool closeIfIdle);
    Stream * live(int32_t id);
    void start(const StreamParams & stream);
    void keepRows();
    void read(Stream & s);
    void startIfFree(const StreamParams & stream);
    void end(Stream & s, const char * reason, const std::string & code = "",
             const std::string & message = "");
    void endAll(const char * reason, const std::string & code = "",
                const std::string & message = "");
    bool step(Batch & batch);
    void chooseAll();
    void choose(Stream & s);
    bool chooseToken(Stream & s, bool haveLogits);
    void shedOne();
    void shedFor(int64_t cellsLeft);
    void spend(Stream & s, int64_t count);
    void fail(Step outcome);
    void commit(Stream & s);
    void cutGroups();
    void tell(bool now);
};
