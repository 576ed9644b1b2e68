// One row of the table of keys. A row says what a key is called, what it takes, what it means and what a
// change of it costs; how it is read into the model, and how its value is shown. Reading, "unknown key"
// errors, the commented configuration, the reference of keys and the plan's causes all hang on these rows.
// keys.hpp lists the sections.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "config/comparison.hpp"
#include "config/reading.hpp"

namespace dpsup::config {

struct Key {
    std::string_view name;
    std::string_view doc;      // one or two sentences
    std::string_view example;  // as TOML writes the value
    ChangeClass change = ChangeClass::live;
    std::string_view fallback = {};   // the default in words, where it is no plain value
    std::string_view only_with = {};  // the kinds of probe that the key belongs to: "tcp unix"; empty: all
    bool secret = false;              // its value is never shown
};

// A row for a member of T.
template <class T>
struct Field {
    Key key;
    std::string (*shape)();                   // what it takes, for people
    void (*read)(Reading&, const Node&, T&);  // tells what is wrong, and then leaves the target as it was
    std::string (*show)(const T&);            // as TOML writes it; empty: not set
    void (*compare)(const Field&, const T& before, const T& after, Comparison&);
};

// The keys of one table of the files. `path` is its header, with names in capitals: "service.NAME.restart".
template <class T>
struct Section {
    std::string_view path;
    std::string_view doc;
    std::span<const Field<T>> fields;
};

template <class T>
void compare_shown(const Field<T>& field, const T& before, const T& after, Comparison& comparison) {
    const std::string from = field.show(before);
    const std::string to = field.show(after);
    if (from == to) return;
    if (field.key.secret)
        comparison.add(field.key.name, "changed", field.key.change);
    else
        comparison.changed(field.key.name, from, to, field.key.change);
}

template <class Class, class Member>
Class class_of(Member Class::*);

// The member at the end of a chain of member pointers.
template <auto First, auto... Rest>
constexpr auto& member_at(auto& target) {
    if constexpr (sizeof...(Rest) == 0)
        return target.*First;
    else
        return member_at<Rest...>(target.*First);
}

// The row of a member that a Kind (kinds.hpp) reads and shows: field<Text, &Service::process,
// &Process::user>({...}).
template <class Kind, auto First, auto... Rest>
constexpr auto field(Key key) {
    using T = decltype(class_of(First));
    return Field<T>{key, &Kind::shape,
                    [](Reading& reading, const Node& node, T& target) {
                        Kind::read(reading, node, member_at<First, Rest...>(target));
                    },
                    [](const T& target) { return Kind::show(member_at<First, Rest...>(target)); },
                    &compare_shown<T>};
}

}  // namespace dpsup::config
