# The kernel room's references are written for any scalar type: each file is compiled once for each, as a translation
# unit of its own, with the type's name at the end of its functions' names.
file(GLOB reference_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernel/reference/*.c)
foreach(scalar F32 F64)
  set(references dstn_kernel_reference_${scalar})
  add_library(${references} OBJECT ${reference_sources})
  target_compile_definitions(${references} PRIVATE KERNEL_${scalar})
  target_link_libraries(${references} PRIVATE dstn_core ${DSTN_OPENMP})
  target_include_directories(${references} PRIVATE ${CMAKE_BINARY_DIR}/rooms/kernel)
  # An operation takes its kernel whether or not it is needed.
  target_compile_options(${references} PRIVATE -Wno-unused-parameter)
  target_sources(dstn_kernel PRIVATE $<TARGET_OBJECTS:${references}>)
endforeach()
target_compile_options(dstn_kernel PRIVATE -Wno-unused-parameter)

if(DSTN_ONEDNN)
  file(GLOB onednn_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernel/onednn/*.c)
  target_sources(dstn_kernel PRIVATE ${onednn_sources})
  target_link_libraries(dstn_kernel PRIVATE oneDNN::oneDNN)
endif()
