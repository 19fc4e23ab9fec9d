// How many threads to compute on while other programs use the processor, too.
#pragma once
#include "clock.h"
#include <algorithm>
#include <cstdint>
#include <utility>

// llama.cpp's threads wait actively for each other after every operation. One that shares its processor with another program
// holds up all others: two threads with one busy processor of two are ten times slower than one thread. So a thread that
// has no processor of its own is given up, and tried again later.
class Crowd {
public:
    using Time = Clock::time_point;
    // Milliseconds of computation in which processor time is compared with elapsed time.
    static constexpr double WINDOW_MS = 250;
    // Processors, of those that the threads could use, that are missing because of other programs.
    static constexpr double MISSING = 0.3;
    // Windows in a row that show it, so that a moment of other work changes nothing.
    static constexpr int32_t SHOWN = 2;
    // After this, one more thread is tried; twice as long after each attempt in vain.
    static constexpr std::chrono::seconds FIRST_REST{5}, LONGEST_REST{80};

    // `yields`: gives threads up; otherwise it only notes that other programs use their processors.
    Crowd(int32_t most, bool yields)
        : most(most)
        , yields(yields)
        , count(most) {}

    int32_t threads() const { return count; }
    bool is(int32_t asked, bool yielding) const { return most == asked && yields == yielding; }

    // Records a computation on `threads()`: how long it took and the processor time of the whole process meanwhile.
    // Returns whether `threads()` has changed or, once, whether it would have.
    bool note(double ms, double processorMs, Time now) {
        elapsed += ms;
        used += processorMs;
        if (elapsed < WINDOW_MS) return false;
        const double missing = count - used / elapsed;
        elapsed = used = 0;
        shown = missing >= MISSING ? shown + 1 : 0;
        const bool tried = trying && now < until;
        if (!yields) return shown == SHOWN && !std::exchange(told, true);
        if (count > 1 && shown > 0 && (tried || shown >= SHOWN)) {
            rest = trying ? std::min<std::chrono::seconds>(2 * rest, LONGEST_REST) : FIRST_REST;
            return change(count - 1, false, now + rest);
        }
        if (count < most && shown == 0 && now >= until)
            return change(count + 1, true, now + FIRST_REST);
        return false;
    }

private:
    const int32_t most;
    const bool yields;
    bool told = false;
    int32_t count;
    double elapsed = 0, used = 0; // of the window
    int32_t shown = 0;
    bool trying = false; // the last change added a thread
    Time until{};        // end of the attempt or of the rest
    std::chrono::seconds rest = FIRST_REST;

    bool change(int32_t threads, bool attempt, Time end) {
        count = threads;
        trying = attempt;
        until = end;
        shown = 0;
        return true;
    }
};
