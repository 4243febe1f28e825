# A room is a static library of all files in its folder, so that a new layer or optimizer is one new file.
function(dstn_sources target room)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${room}/*.c)
  target_sources(${target} PRIVATE ${sources})
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src/${room})
endfunction()

function(dstn_room room)
  cmake_parse_arguments(ARG "" "" "USES;LIBRARIES" ${ARGN})
  add_library(dstn_${room} STATIC)
  dstn_sources(dstn_${room} ${room})
  foreach(used IN LISTS ARG_USES)
    target_link_libraries(dstn_${room} PUBLIC dstn_${used})
  endforeach()
  target_link_libraries(dstn_${room} PRIVATE ${ARG_LIBRARIES})
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
