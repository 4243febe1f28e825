# A room is a static library of all files in its folder, so that a new layer or optimizer is one new file.
#
# It sees the public headers of the rooms that it is built on, and no others: each room's header has an include folder
# of its own in the build tree, which those who link with the room get, and nobody is given include/ itself. Private
# headers, beside the code, are seen by their room alone.
function(dstn_sources target room)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${room}/*.c)
  target_sources(${target} PRIVATE ${sources})
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src/${room})
endfunction()

function(dstn_room room)
  cmake_parse_arguments(ARG "" "" "USES;LIBRARIES" ${ARGN})
  add_library(dstn_${room} STATIC)
  dstn_sources(dstn_${room} ${room})
  set(folder ${CMAKE_BINARY_DIR}/rooms/${room})
  file(MAKE_DIRECTORY ${folder}/dstn)
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/include/dstn/${room}.h ${folder}/dstn/${room}.h SYMBOLIC)
  target_include_directories(dstn_${room} PUBLIC ${folder})
  dstn_builds_on(dstn_${room} ${room} ${ARG_USES})
  target_link_libraries(dstn_${room} PRIVATE ${ARG_LIBRARIES})
endfunction()

# The program is the room that no other is built on: it has no header.
function(dstn_program target room)
  cmake_parse_arguments(ARG "" "" "USES" ${ARGN})
  add_executable(${target})
  dstn_sources(${target} ${room})
  dstn_builds_on(${target} ${room} ${ARG_USES})
endfunction()

# Links a room with those that it uses, and notes it for tests/house.sh.
function(dstn_builds_on target room)
  list(TRANSFORM ARGN PREPEND dstn_ OUTPUT_VARIABLE libraries)
  target_link_libraries(${target} PUBLIC ${libraries})
  list(JOIN ARGN " " uses)
  set_property(GLOBAL APPEND PROPERTY DSTN_ROOMS
               "${room} $<TARGET_FILE:${target}> ${uses}")
  set_property(GLOBAL APPEND PROPERTY DSTN_ROOM_FLAGS
               "${room} -I$<JOIN:$<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>, -I>")
endfunction()

# Writes what tests/house.sh goes by: the rooms with their libraries and those that they use, and where each room's
# files look for headers.
function(dstn_write_rooms)
  foreach(list ROOMS ROOM_FLAGS)
    get_property(lines GLOBAL PROPERTY DSTN_${list})
    list(JOIN lines "\n" text)
    string(TOLOWER ${list} name)
    file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/rooms/${name}.txt CONTENT "${text}\n")
  endforeach()
endfunction()

# Writes version.h with the project's version and the commit that was built ("unknown" outside a checkout).
function(dstn_version_header target)
  execute_process(
    COMMAND git -C ${CMAKE_SOURCE_DIR} describe --always --dirty --abbrev=12
    OUTPUT_VARIABLE DSTN_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT DSTN_COMMIT)
    set(DSTN_COMMIT unknown)
  endif()
  configure_file(${CMAKE_SOURCE_DIR}/cmake/version.h.in ${CMAKE_BINARY_DIR}/generated/version.h @ONLY)
  target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR}/generated)
endfunction()
