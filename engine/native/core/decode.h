// The decode loop: each step is one batch over all live streams. Results are reported without waiting for the listener.
#pragma once
#include "clock.h"
#include "logits.h"
#include "stream-params.h"
#include "token.h"
#include <list>

struct Stream;

struct DecodeParams {
    std::vector<StreamParams> streams;
    int32_t finish = 0; // a group is cut once this many of its streams have finished; 0: never
    int64_t cells = 0;  // the most that it may add
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

// A set of streams that is decoded together; it has exclusive use of the context while `run` is active.
class Decode {
public:
    // Raising `stop` ends every stream with `cancelled`. `run` calls `onReport` about every 30 ms.
    // Errors: out-of-range, bad-request.
    Decode(std::shared_ptr<Context> context, DecodeParams params,
           std::shared_ptr<const StopFlag> stop, std::function<void(DecodeReport)> onReport);
    Decode(const Decode &) = delete;
    ~Decode();

    const std::shared_ptr<Context> context;

    // Runs the loop until every stream has ended and no command waits. Call it once.
    DecodeResult run();

    // Commands come from any thread and take effect between two steps, in order. They return false if it is too late.
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

    // Used only by the loop.
    std::list<Stream> streams;
    int64_t cells; // left to add
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
