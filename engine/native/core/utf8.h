// Reassembles characters that are split over tokens.
#pragma once
#include <string>

// Joins bytes into valid UTF-8. The start of a split character is held back until the rest arrives; invalid bytes
// become U+FFFD.
class Utf8Joiner {
public:
    std::string push(const std::string & bytes) {
        pending += bytes;
        std::string out;
        size_t i = 0;
        while (i < pending.size()) {
            const int n = characterAt(i);
            if (n == 0) break; // incomplete
            if (n < 0) {
                out += "\xEF\xBF\xBD";
                i += 1;
            } else {
                out.append(pending, i, n);
                i += n;
            }
        }
        pending.erase(0, i);
        return out;
    }

    // Returns what is left at the end of the text.
    std::string flush() {
        std::string out;
        if (!pending.empty()) out = "\xEF\xBF\xBD";
        pending.clear();
        return out;
    }

private:
    std::string pending;

    // Returns the length in bytes of the character at i; 0 if it is incomplete; -1 if it is invalid (overlong,
    // surrogate, beyond U+10FFFF or a stray byte).
    int characterAt(size_t i) const {
        const unsigned char a = pending[i];
        if (a < 0x80) return 1;
        const int n = a >= 0xC2 && a <= 0xDF   ? 2
                      : (a & 0xF0) == 0xE0     ? 3
                      : a >= 0xF0 && a <= 0xF4 ? 4
                                               : -1;
        if (n < 0) return -1;
        for (int k = 1; k < n; k++) {
            if (i + k >= pending.size()) return 0;
            const unsigned char b = pending[i + k];
            unsigned char low = 0x80, high = 0xBF;
            if (k == 1) {
                if (a == 0xE0) low = 0xA0;
                if (a == 0xED) high = 0x9F;
                if (a == 0xF0) low = 0x90;
                if (a == 0xF4) high = 0x8F;
            }
            if (b < low || b > high) return -1;
        }
        return n;
    }
};
