// The one translation unit that holds Asio's and Beast's code. Whoever includes their headers links dpsup_asio, which
// sets BOOST_ASIO_SEPARATE_COMPILATION and BOOST_BEAST_SEPARATE_COMPILATION: every other file then compiles faster.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
