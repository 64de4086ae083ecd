# The words of BitsTransfer for ebb, in PowerShell 7 on every system: each function calls the program and reads its
# JSON. docs/powershell.md says what each parameter does, and where it differs from BITS.

Set-StrictMode -Version 1.0

. "$PSScriptRoot/Program.ps1"
. "$PSScriptRoot/Words.ps1"

function Start-EbbTransfer {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [ValidateNotNullOrEmpty()] [string[]] $Source,
        [Parameter(Position = 1, ValueFromPipelineByPropertyName)] [string[]] $Destination,
        [switch] $Asynchronous,
        [switch] $Suspended,
        [Parameter(ValueFromPipelineByPropertyName)] [ValidateSet('Download')] [string] $TransferType = 'Download',
        [Parameter(ValueFromPipelineByPropertyName)] [string] $DisplayName = 'Ebb Transfer',
        [Parameter(ValueFromPipelineByPropertyName)] [string] $Description,
        [Parameter(ValueFromPipelineByPropertyName)] [ValidateSet('Foreground', 'High', 'Normal', 'Low')] [string] $Priority = 'Foreground',
        [ValidateSet('Basic', 'Digest', 'Ntlm', 'Negotiate', 'Passport', 'Bearer', 'Any')] [string] $Authentication,
        [pscredential] $Credential,
        [ValidateSet('SystemDefault', 'NoProxy', 'AutoDetect', 'Override')] [string] $ProxyUsage,
        [string[]] $ProxyList,
        [string[]] $ProxyBypass,
        [ValidateSet('Basic', 'Digest', 'Ntlm', 'Negotiate', 'Any')] [string] $ProxyAuthentication,
        [pscredential] $ProxyCredential,
        [ValidateSet('None', 'Proxy')] [string] $UseStoredCredential,
        [ValidateRange(60, [int]::MaxValue)] [int] $RetryInterval,
        [ValidateRange(0, [int]::MaxValue)] [int] $RetryTimeout,
        [ValidateRange(1, [int]::MaxValue)] [int] $MaxDownloadTime,
        [ValidateScript({ $script:Costs.ContainsKey($_) })] [string[]] $TransferPolicy,
        [string[]] $ACLFlags,
        [uint32] $SecurityFlags,
        [switch] $Dynamic,
        [string] $HttpMethod,
        [string[]] $CustomHeaders,
        [switch] $CustomHeadersWriteOnly,
        [uint32] $NotifyFlags,
        [string[]] $NotifyCmdLine
    )
    process {
        $bound = @{ DisplayName = $DisplayName; Priority = $Priority }
        foreach ($name in $PSBoundParameters.Keys) {
            $bound[$name] = $PSBoundParameters[$name]
        }
        $id = $null
        try {
            $list = ConvertTo-List $Source $Destination $PSCmdlet
            if (-not $PSCmdlet.ShouldProcess($list, 'Start-EbbTransfer')) {
                return
            }
            $arguments = @('create', '--no-complete')
            foreach ($setting in ConvertTo-Setting $bound) {
                if ($setting -notmatch '^[a-z-]+=$') { # which is the default of a new job
                    $arguments += "--$setting"
                }
            }
            if ($bound.ContainsKey('CustomHeadersWriteOnly') -and -not $CustomHeadersWriteOnly) {
                $arguments += '--headers-readable'
            }
            $id = (Invoke-Ebb $arguments).id
            Set-Secret $id $bound ''
            $null = Invoke-Ebb 'add-files', $id, '-' $list
            if (-not $Suspended) {
                $null = Invoke-Ebb 'resume', $id
            }
        } catch {
            $cause = $_
            if ($id) { # what could not be put together is not left behind
                Remove-Remains $id
            }
            $PSCmdlet.WriteError($cause)
            return
        }
        if ($Suspended -or $Asynchronous) {
            Get-Snapshot $id ''
            return
        }
        $waiting = $true
        try {
            Wait-Completion $id $PSCmdlet
            $waiting = $false
        } catch {
            $waiting = $false
            $PSCmdlet.WriteError($_)
        } finally {
            if ($waiting) { # Ctrl+C
                Remove-Remains $id
            }
        }
    }
}

function Add-EbbFile {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline)] [Alias('BitsJob')] [object[]] $Job,
        [Parameter(Mandatory, Position = 1)] [ValidateNotNullOrEmpty()] [string[]] $Source,
        [Parameter(Position = 2)] [string[]] $Destination
    )
    process {
        foreach ($one in $Job) {
            try {
                $list = ConvertTo-List $Source $Destination $PSCmdlet
                if ($PSCmdlet.ShouldProcess((Get-Id $one), "Add-EbbFile $list")) {
                    $null = Invoke-Ebb 'add-files', (Get-Id $one), '-', (Get-Place $one) $list
                    Get-Snapshot (Get-Id $one) (Get-Place $one)
                }
            } catch {
                $PSCmdlet.WriteError($_)
            }
        }
    }
}

function Get-EbbTransfer {
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    param(
        [Parameter(Position = 0, ParameterSetName = 'Name')] [SupportsWildcards()] [string[]] $Name = '*',
        [Parameter(ValueFromPipelineByPropertyName)] [switch] $AllUsers,
        [Parameter(Mandatory, ParameterSetName = 'JobId', ValueFromPipelineByPropertyName)] [guid[]] $JobId
    )
    process {
        try {
            $place = if ($AllUsers) { '--system' } else { '' }
            if ($PSCmdlet.ParameterSetName -eq 'JobId') {
                foreach ($id in $JobId) {
                    Get-Snapshot $id $place
                }
                return
            }
            foreach ($snapshot in Invoke-Ebb 'list', $place) {
                $job = ConvertTo-Job $snapshot -AllUsers:$AllUsers
                if (@($Name | Where-Object { $job.DisplayName -like $_ }).Count -gt 0) {
                    $job
                }
            }
        } catch {
            $PSCmdlet.WriteError($_)
        }
    }
}

function Set-EbbTransfer {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline)] [Alias('BitsJob')] [object[]] $Job,
        [string] $DisplayName,
        [string] $Description,
        [ValidateSet('Foreground', 'High', 'Normal', 'Low')] [string] $Priority,
        [ValidateSet('Basic', 'Digest', 'Ntlm', 'Negotiate', 'Passport', 'Bearer', 'Any')] [string] $Authentication,
        [pscredential] $Credential,
        [ValidateSet('SystemDefault', 'NoProxy', 'AutoDetect', 'Override')] [string] $ProxyUsage,
        [string[]] $ProxyList,
        [string[]] $ProxyBypass,
        [ValidateSet('Basic', 'Digest', 'Ntlm', 'Negotiate', 'Any')] [string] $ProxyAuthentication,
        [pscredential] $ProxyCredential,
        [ValidateSet('None', 'Proxy')] [string] $UseStoredCredential,
        [ValidateRange(60, [int]::MaxValue)] [int] $RetryInterval,
        [ValidateRange(0, [int]::MaxValue)] [int] $RetryTimeout,
        [ValidateRange(1, [int]::MaxValue)] [int] $MaxDownloadTime,
        [ValidateScript({ $script:Costs.ContainsKey($_) })] [string[]] $TransferPolicy,
        [string[]] $ACLFlags,
        [uint32] $SecurityFlags,
        [switch] $Dynamic,
        [string] $HttpMethod,
        [AllowEmptyCollection()] [string[]] $CustomHeaders,
        [switch] $CustomHeadersWriteOnly,
        [uint32] $NotifyFlags,
        [string[]] $NotifyCmdLine,
        [switch] $SetOwnerToCurrentUser
    )
    process {
        foreach ($one in $Job) {
            try {
                $id = Get-Id $one
                $place = Get-Place $one
                if (-not $PSCmdlet.ShouldProcess($id, 'Set-EbbTransfer')) {
                    continue
                }
                if ($SetOwnerToCurrentUser) {
                    $null = Invoke-Ebb 'take-ownership', $id, $place
                }
                $settings = @(ConvertTo-Setting $PSBoundParameters)
                if ($PSBoundParameters.ContainsKey('CustomHeadersWriteOnly')) {
                    $settings += "headers-write-only=$(ConvertTo-Word $CustomHeadersWriteOnly)"
                }
                if ($settings) {
                    $null = Invoke-Ebb (@('set', $id) + $settings + $place)
                }
                Set-Secret $id $PSBoundParameters $place
            } catch {
                $PSCmdlet.WriteError($_)
            }
        }
    }
}

function Suspend-EbbTransfer {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline)] [Alias('BitsJob')] [object[]] $Job
    )
    process {
        foreach ($one in $Job) {
            try {
                if ($PSCmdlet.ShouldProcess((Get-Id $one), 'Suspend-EbbTransfer')) {
                    $null = Invoke-Ebb 'suspend', (Get-Id $one), (Get-Place $one)
                    Get-Snapshot (Get-Id $one) (Get-Place $one)
                }
            } catch {
                $PSCmdlet.WriteError($_)
            }
        }
    }
}

function Resume-EbbTransfer {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline)] [Alias('BitsJob')] [object[]] $Job,
        [switch] $Asynchronous
    )
    process {
        foreach ($one in $Job) {
            try {
                if (-not $PSCmdlet.ShouldProcess((Get-Id $one), 'Resume-EbbTransfer')) {
                    continue
                }
                $null = Invoke-Ebb 'resume', (Get-Id $one), (Get-Place $one)
                if (-not $Asynchronous) {
                    $last = Wait-Transfer (Get-Id $one) (Get-Place $one)
                    if ($last.state -eq 'error') {
                        $PSCmdlet.WriteError((New-Refusal $last.error.text $last.error.code))
                    }
                }
                Get-Snapshot (Get-Id $one) (Get-Place $one)
            } catch {
                $PSCmdlet.WriteError($_)
            }
        }
    }
}

function Complete-EbbTransfer {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline)] [Alias('BitsJob')] [object[]] $Job
    )
    process {
        foreach ($one in $Job) {
            try {
                if ($PSCmdlet.ShouldProcess((Get-Id $one), 'Complete-EbbTransfer')) {
                    $null = Invoke-Ebb 'complete', (Get-Id $one), (Get-Place $one)
                }
            } catch {
                $PSCmdlet.WriteError($_)
            }
        }
    }
}

function Remove-EbbTransfer {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline)] [Alias('BitsJob')] [object[]] $Job
    )
    process {
        foreach ($one in $Job) {
            try {
                if ($PSCmdlet.ShouldProcess((Get-Id $one), 'Remove-EbbTransfer')) {
                    $null = Invoke-Ebb 'cancel', (Get-Id $one), (Get-Place $one)
                }
            } catch {
                $PSCmdlet.WriteError($_)
            }
        }
    }
}

Export-ModuleMember -Function '*-EbbTransfer', 'Add-EbbFile'
