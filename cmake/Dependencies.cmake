# Finds every library, and names all that are missing in one go, each with the package or module that brings it.
find_package(PkgConfig REQUIRED)
set(DSTN_MISSING "")

macro(dstn_missing what debian spack easybuild)
  string(APPEND DSTN_MISSING "\n  ${what}: Debian ${debian}; Spack ${spack}; EasyBuild ${easybuild}")
endmacro()

# A library known by one header and one library name, for packages without a usable CMake or pkg-config file.
macro(dstn_find_library target header library_names suffixes debian spack easybuild)
  string(MAKE_C_IDENTIFIER "${target}" key)
  find_path(${key}_INCLUDE NAMES ${header} PATH_SUFFIXES ${suffixes})
  find_library(${key}_LIBRARY NAMES ${library_names} PATH_SUFFIXES ${suffixes})
  if(${key}_INCLUDE AND ${key}_LIBRARY)
    add_library(${target} INTERFACE IMPORTED)
    target_include_directories(${target} SYSTEM INTERFACE ${${key}_INCLUDE})
    target_link_libraries(${target} INTERFACE ${${key}_LIBRARY})
  else()
    dstn_missing("${target} (${header})" ${debian} ${spack} ${easybuild})
  endif()
endmacro()

find_package(MPI COMPONENTS C)
if(NOT MPI_C_FOUND)
  dstn_missing("MPI" "libopenmpi-dev openmpi-bin" "openmpi" "OpenMPI")
endif()

# The HDF5 built for MPI, where there is one: the oracle's matrices will use parallel access.
set(HDF5_PREFER_PARALLEL ON)
find_package(HDF5 COMPONENTS C)
if(HDF5_FOUND)
  if(NOT TARGET HDF5::HDF5)
    add_library(HDF5::HDF5 INTERFACE IMPORTED)
  endif()
  target_include_directories(HDF5::HDF5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
  target_link_libraries(HDF5::HDF5 INTERFACE ${HDF5_C_LIBRARIES})
  if(MPI_C_FOUND AND HDF5_IS_PARALLEL)
    target_link_libraries(HDF5::HDF5 INTERFACE MPI::MPI_C)
  endif()
else()
  dstn_missing("HDF5" "libhdf5-openmpi-dev" "hdf5+mpi" "HDF5")
endif()

find_package(ZLIB)
if(NOT ZLIB_FOUND)
  dstn_missing("zlib" "zlib1g-dev" "zlib" "zlib")
endif()

add_library(Random123::Random123 INTERFACE IMPORTED)
find_path(RANDOM123_INCLUDE NAMES Random123/philox.h)
if(RANDOM123_INCLUDE)
  target_include_directories(Random123::Random123 SYSTEM INTERFACE ${RANDOM123_INCLUDE})
else()
  dstn_missing("Random123" "librandom123-dev" "random123" "Random123")
endif()

dstn_find_library(libfyaml::libfyaml libfyaml.h fyaml "" libfyaml-dev libfyaml libfyaml)
dstn_find_library(xxHash::xxHash xxhash.h xxhash "" libxxhash-dev xxhash xxHash)
dstn_find_library(OpenBLAS::OpenBLAS cblas.h openblas "openblas;x86_64-linux-gnu;aarch64-linux-gnu;openblas-pthread"
                  libopenblas-dev openblas OpenBLAS)

# Threads within a rank: without OpenMP there is one.
find_package(OpenMP COMPONENTS C)
set(DSTN_OPENMP "")
if(OpenMP_C_FOUND)
  set(DSTN_OPENMP OpenMP::OpenMP_C)
endif()

find_library(SCALAPACK_LIBRARY NAMES scalapack-openmpi scalapack scalapack-mpich)
if(SCALAPACK_LIBRARY)
  add_library(ScaLAPACK::ScaLAPACK INTERFACE IMPORTED)
  target_link_libraries(ScaLAPACK::ScaLAPACK INTERFACE ${SCALAPACK_LIBRARY} OpenBLAS::OpenBLAS m)
else()
  dstn_missing("ScaLAPACK" "libscalapack-openmpi-dev" "netlib-scalapack" "ScaLAPACK")
endif()

if(DSTN_MISSING)
  message(FATAL_ERROR "dstn needs what is not found here:${DSTN_MISSING}\n"
                      "Install it, load its module, or add its prefix to CMAKE_PREFIX_PATH.")
endif()
