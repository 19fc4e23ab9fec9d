// The rule of a group of streams; see GroupOptions of types.ts.
#pragma once
#include "token.h"
#include <cstdint>
#include <set>

struct GroupRule {
    int32_t finish = 0; // the group is cut once this many of its streams have finished; 0: never
    Measure measure;
    bool report = true; // false: tokens are reported once their stream pauses or ends
    int32_t merge = 0;  // this many streams decode one text together; 0: each decodes its own
};

struct Group {
    GroupRule rule;
    std::set<int32_t> finished; // streams that ended by themselves
    int32_t gone = 0;           // with `merge`: members that ended while others are still to come
};
