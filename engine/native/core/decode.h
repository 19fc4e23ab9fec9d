// A set of streams and what is reported of them. Several decodes share the steps of a context's loop.
#pragma once
#include "clock.h"
#include "group.h"
#include "logits.h"
#include "stream-params.h"
#include "token.h"
#include <list>
#include <map>

class Loop;
struct Stream;

struct DecodeParams {
    std::vector<StreamParams> streams;
    GroupRule rule; // of groups that `groups` does not name
    std::map<int32_t, GroupRule> groups;
    int64_t cells = 0; // the most that it may add
};

struct StreamEnd {
    int32_t id;
    std::string reason;
    std::string code, message; // "": no error
};

// How many of the tokens in its parts a stream has read that does not decode yet.
struct StreamReading {
    size_t done, tokens;
};

struct DecodeReport {
    std::vector<std::pair<int32_t, std::vector<TokenRecord>>> tokens; // by stream, in order
    std::vector<StreamEnd> ended;
    std::vector<int32_t> paused;
    std::map<int32_t, StreamReading> reading; // by stream
    int32_t crowded = 0;                      // see Context::crowded
    bool empty() const {
        return tokens.empty() && ended.empty() && paused.empty() && reading.empty() && crowded == 0;
    }
};

struct DecodeResult {
    int64_t steps = 0;
    double ms = 0, firstTokenMs = 0;
};

// Streams whose next token is chosen together: one, or all members of a merged group.
struct Choice {
    std::vector<Stream *> members;
    bool merged() const { return members.size() > 1; }
    Stream & first() const { return *members[0]; }
};

class Decode : public std::enable_shared_from_this<Decode> {
public:
    // Raising `stop` ends every stream with `cancelled`. `onReport` is called about every 30 ms; `onDone` once, with an
    // error if the loop failed. Errors: out-of-range, bad-request.
    Decode(Loop & loop, DecodeParams params, std::shared_ptr<const StopFlag> stop,
           std::function<void(DecodeReport)> onReport,
           std::function<void(std::exception_ptr, DecodeResult)> onDone);
    Decode(const Decode &) = delete;
    ~Decode();

    const std::shared_ptr<Context> context;
    const std::shared_ptr<const StopFlag> stopping;

    // Commands come from any thread and take effect between two steps, in order. They return false if it is too late.
    bool stop(int32_t id, bool cut);
    // `cells` are reserved for the stream in addition to those that it has.
    bool extend(int32_t id, int32_t tokens, int64_t cells = 0);
    bool add(StreamParams stream);
    bool remove(int32_t seq);
    // Continues a paused stream with `forced` tokens.
    bool resume(int32_t id, std::vector<int32_t> forced);
    // Sets the rule of a group, for the streams that are added from now on and those that decode.
    bool setGroup(int32_t id, GroupRule rule);

    // The rest is called by the loop, on its thread.
    void begin();
    // Reports that other programs use processors of its threads.
    void noteCrowded(int32_t threads) { report.crowded = threads; }
    // Reports how far a stream is that reads its parts.
    void noteReading(const Stream & s, StreamReading reading);
    // Ends every stream if `stopping` is raised.
    void obeyStop();
    // Ends the longest streams without a reserve until the tokens of a step fit into the cells that are left.
    void shed();
    // Returns whose next token is to be chosen; streams that take no part keep their logits.
    std::vector<Choice> choices();
    const Measure & measureOf(const Stream & s) const;
    // Chooses the next token. May run on any thread, since it changes only the choice's streams.
    void choose(const Choice & choice) const;
    // Ends streams for which no token was chosen.
    void settle(const Choice & choice);
    // Takes the step's token into account, which is now in the cache; `row`: the logits after it.
    void advance(Stream & s, float * row);
    // Reports the step's token, once all streams have advanced.
    void commit(Stream & s);
    // Counts a step and cuts groups that are finished.
    void stepped();
    void end(Stream & s, const char * reason, const std::string & code = "",
             const std::string & message = "");
    void endAll(const char * reason, const std::string & code = "",
                const std::string & message = "");
    void place(Stream & s);
    void spend(Stream & s, int64_t count);
    bool decodesIn(int32_t seq) const;
    bool reads(int32_t seq) const;
    // Returns whether a stream takes part in the next step.
    bool active() const;
    // Sends the report if it is due, or `now`.
    void tell(bool now);
    // Closes the decode and returns true if every stream has ended and no command waits.
    bool close();
    // Ends the decode because the loop failed.
    void fail(std::exception_ptr error);

private:
    Loop & loop;
    DecodeParams params;
    const std::function<void(DecodeReport)> onReport;
    const std::function<void(std::exception_ptr, DecodeResult)> onDone;

    std::mutex mutex;
    int64_t waiting = 0; // commands; under mutex
    bool over = false;   // under mutex

    // Used only by the loop.
    std::list<std::shared_ptr<Stream>> streams; // those that have not ended
    std::map<int32_t, Group> groups;
    std::map<int32_t, std::vector<TokenRecord>> held; // of streams that report at their end
    int64_t cells;                                    // left to add
    DecodeReport report;
    DecodeResult result;
    Clock::time_point started, lastReport;

    // `evenIfOver`: carries the command out even if a cancel ends the decode before.
    bool send(std::function<void()> command, bool evenIfOver = false);
    Stream * live(int32_t id) const;
    Group & groupOf(const Stream & s);
    std::vector<Stream *> membersOf(const Stream & s) const;
    void start(const StreamParams & stream);
    bool chooseToken(const Choice & choice, float * row, const LogitScan & scan) const;
    void endOne(Stream & s, const char * reason, const std::string & code,
                const std::string & message);
    void pause(Stream & s);
    void tellHeld(int32_t id);
    void finish(std::exception_ptr error);
};
