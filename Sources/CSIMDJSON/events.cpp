#include "CSIMDJSON.h"

#if !__has_include(<simdjson.h>)
#error "<simdjson.h> is missing: run scripts/install-deps, or: apt-get install libsimdjson-dev"
#endif
#include <simdjson.h>

#include <cstdio>
#include <string_view>
#include <vector>

using namespace simdjson;

struct csimdjson_parser {
    dom::parser checker;
    ondemand::parser reader;
    std::vector<char> padded;
    std::vector<csimdjson_text> headers;
};

extern "C" csimdjson_parser *csimdjson_new(void) { return new csimdjson_parser; }
extern "C" void csimdjson_free(csimdjson_parser *parser) { delete parser; }

namespace {

// A mistake in one event: the text passed the check of its syntax.
struct bad_event {
    const char *reason;
};

csimdjson_text text(std::string_view view) { return {view.data(), view.size()}; }

const char *kind(ondemand::json_type type) {
    switch (type) {
        case ondemand::json_type::array: return "an array";
        case ondemand::json_type::object: return "an object";
        case ondemand::json_type::number: return "a number";
        case ondemand::json_type::string: return "text";
        case ondemand::json_type::boolean: return "true or false";
        case ondemand::json_type::null: return "null";
    }
    return "something else";
}

// Texts unescaped; numbers and booleans as they are written; null is nothing.
csimdjson_text scalar(ondemand::value value, const char *nested) {
    switch (value.type().value()) {
        case ondemand::json_type::string: return text(value.get_string().value());
        case ondemand::json_type::null: return {"", 0};
        case ondemand::json_type::array:
        case ondemand::json_type::object: throw bad_event{nested};
        default: {
            std::string_view token = value.raw_json_token();
            while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' || token.back() == '\t'))
                token.remove_suffix(1);
            return text(token);
        }
    }
}

int visit_event(csimdjson_parser &parser, ondemand::object event, csimdjson_event visit, void *context) {
    csimdjson_text body = {"", 0};
    parser.headers.clear();
    for (auto field : event) {
        std::string_view name = field.unescaped_key().value();
        ondemand::value value = field.value().value();
        if (name == "body") {
            body = scalar(value, "its body is not text");
        } else if (name == "headers") {
            if (value.type().value() == ondemand::json_type::null) continue;
            if (value.type().value() != ondemand::json_type::object) throw bad_event{"its headers are not an object"};
            parser.headers.clear();
            for (auto header : value.get_object().value()) {
                parser.headers.push_back(text(header.unescaped_key().value()));
                parser.headers.push_back(scalar(header.value().value(), "a header's value is an array or an object"));
            }
        }
    }
    return visit(context, parser.headers.data(), parser.headers.size() / 2, body);
}

}  // namespace

extern "C" enum csimdjson_result csimdjson_events(
    csimdjson_parser *parser, const char *start, size_t size, int is_array, csimdjson_event visit, void *context, char *reason,
    size_t reason_size
) {
    parser->padded.resize(size + SIMDJSON_PADDING);
    std::copy(start, start + size, parser->padded.begin());
    size_t event = 0;
    try {
        // On-Demand skips what is not read, mistakes too: so the whole text is checked first.
        auto checked = parser->checker.parse(parser->padded.data(), size, false);
        if (checked.error()) {
            snprintf(reason, reason_size, "%s", error_message(checked.error()));
            return checked.error() == UTF8_ERROR ? CSIMDJSON_BAD_UTF8 : CSIMDJSON_BAD_SYNTAX;
        }
        ondemand::document document =
            parser->reader.iterate(parser->padded.data(), size, parser->padded.size()).value();
        auto type = document.type().value();
        if (type != (is_array ? ondemand::json_type::array : ondemand::json_type::object)) {
            snprintf(
                reason, reason_size, is_array ? "it is %s, not an array of events" : "it is %s, not an event", kind(type));
            return CSIMDJSON_BAD_SYNTAX;
        }
        if (!is_array) return visit_event(*parser, document.get_object().value(), visit, context) ? CSIMDJSON_STOPPED : CSIMDJSON_OK;
        for (auto element : document.get_array().value()) {
            ondemand::value value = element.value();
            type = value.type().value();
            if (type != ondemand::json_type::object) {
                snprintf(reason, reason_size, "event %zu is %s, not an object", event, kind(type));
                return CSIMDJSON_BAD_EVENT;
            }
            if (visit_event(*parser, value.get_object().value(), visit, context)) return CSIMDJSON_STOPPED;
            event++;
        }
        return CSIMDJSON_OK;
    } catch (const bad_event &bad) {
        snprintf(reason, reason_size, "event %zu: %s", event, bad.reason);
        return CSIMDJSON_BAD_EVENT;
    } catch (const simdjson_error &error) {
        snprintf(reason, reason_size, "event %zu: %s", event, error.what());
        return CSIMDJSON_BAD_EVENT;
    } catch (const std::exception &error) {
        snprintf(reason, reason_size, "%s", error.what());
        return CSIMDJSON_BAD_SYNTAX;
    }
}
